// Package errorpages is the action of a route that answers errors with pages of the operator's own,
// chosen by status and by the client's Accept.
//
// gateway compiles it; the hall runs its step at stage present, on every final answer.
package errorpages

import "weir/http7"

// Files remembers the files that routes of one config have read, so that a page that a thousand
// routes name is in memory once. It belongs to one goroutine. The zero value is ready.
type Files struct{ pages map[string]*page }

type page struct{}

// Compile returns the step of a route's error_pages, none for an empty table. files may be nil. An
// error is a [*conf.BadValue] that names the key and the file.
func Compile(c Config, files *Files) ([]http7.Step, error) {
	if len(c) == 0 {
		return nil, nil
	}
	return []http7.Step{{Name: "error_pages", Stage: http7.Present, Response: policy{}}}, nil
}

type policy struct{}

// Response implements [http7.ResponsePolicy].
func (policy) Response(*http7.Exchange) http7.Verdict { return http7.Continue }
