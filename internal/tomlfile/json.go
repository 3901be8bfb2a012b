package tomlfile

import "encoding/json"

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
