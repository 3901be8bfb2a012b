package config

import (
	"encoding/json"
	"fmt"
	"strings"

	"weir/internal/conf"
	"weir/internal/tomlfile"
)

// Report is everything that a load found. Rooms that look at the Config later, such as http7/match
// for routes that tie, add to [Report.Problems] with the Path of the entry, and their problems get
// a place like all others. It is not safe for concurrent use.
type Report struct {
	root     *tomlfile.Node
	found    tomlfile.Report
	problems *conf.Problems
	placed   int // how many of problems are in found
	files    []string
}

// Problems returns the collection, at its root, that further problems are added to.
func (r *Report) Problems() *conf.Problems { return r.problems }

// place moves what rooms have noted since into found.
func (r *Report) place() {
	list := r.problems.List()
	r.found.Place(r.root, list[r.placed:])
	r.placed = len(list)
}

// Failed reports whether there is anything but warnings. Then there is no Config, or, if a problem
// was added later, it must not be used.
func (r *Report) Failed() bool {
	r.place()
	return r.found.Failed()
}

// Findings returns everything found, by place, each once.
func (r *Report) Findings() []tomlfile.Finding {
	r.place()
	return r.found.Findings()
}

// Files returns the names of the files that were read, in order, the main one first.
func (r *Report) Files() []string { return r.files }

// Where returns "file:line:column" of what path names, or of the nearest thing above it that was
// written; "" if nothing was.
func (r *Report) Where(path conf.Path) string {
	at, _ := r.root.Locate(path)
	if at.Nowhere() {
		return ""
	}
	return place(at)
}

// String writes all findings for a person, with an empty line between them and a count behind.
// It is empty if there is none.
func (r *Report) String() string {
	var b strings.Builder
	errors, warnings := 0, 0
	for _, f := range r.Findings() {
		b.WriteString(f.String() + "\n")
		if f.Warning {
			warnings++
		} else {
			errors++
		}
	}
	switch {
	case errors > 0 && warnings > 0:
		b.WriteString(count(errors, "problem") + ", " + count(warnings, "warning") + "\n")
	case errors > 0:
		b.WriteString(count(errors, "problem") + "\n")
	case warnings > 0:
		b.WriteString(count(warnings, "warning") + "\n")
	}
	return b.String()
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// JSON writes all findings as a list of objects with file, line, column, key, text, hint and
// severity ("error" or "warning").
func (r *Report) JSON() []byte {
	list := r.Findings()
	if list == nil {
		list = []tomlfile.Finding{}
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		// Findings are texts and numbers; they always marshal.
		panic(fmt.Sprintf("config: %v", err))
	}
	return append(b, '\n')
}
