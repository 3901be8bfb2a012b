package tomlfile

import (
	"encoding/json"
	"fmt"
)

// finding is the JSON form of a Finding.
type finding struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Key      string `json:"key"`
	Text     string `json:"text"`
	Hint     string `json:"hint"`
	Severity string `json:"severity"`
}

// MarshalJSON writes file, line and column ("" and 0 if there is no place), key, text, hint and
// severity: "error" or "warning".
func (f Finding) MarshalJSON() ([]byte, error) {
	out := finding{Key: f.Key, Text: f.Text, Hint: f.Hint, Severity: "error"}
	if !f.At.Nowhere() {
		out.File = f.At.File.Name
	}
	out.Line, out.Column = f.At.Position()
	if f.Warning {
		out.Severity = "warning"
	}
	return json.Marshal(out)
}

// JSON writes all findings as a list of objects with file, line, column, key, text, hint and
// severity ("error" or "warning").
func (r *Report) JSON() []byte {
	list := r.Findings()
	if list == nil {
		list = []Finding{}
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		// Findings are texts and numbers; they always marshal.
		panic(fmt.Sprintf("tomlfile: %v", err))
	}
	return append(b, '\n')
}
