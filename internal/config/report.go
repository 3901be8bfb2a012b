package config

import (
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

// String writes all findings for a person, as [tomlfile.Report.String].
func (r *Report) String() string {
	r.place()
	return r.found.String()
}

// JSON writes all findings for a program, as [tomlfile.Report.JSON].
func (r *Report) JSON() []byte {
	r.place()
	return r.found.JSON()
}
