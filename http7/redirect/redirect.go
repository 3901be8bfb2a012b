// Package redirect is the action that sends clients elsewhere.
//
// gateway compiles it, the hall runs it where a plan has no upstream. It knows no policy and no wire.
package redirect

import (
	"fmt"

	"weir/http7"
	"weir/http7/template"
)

// Redirect is the action of one route. It never changes and is safe for concurrent use.
type Redirect struct {
	to     *template.URL
	status int
}

// Compile returns the action of c on a route whose path captures these names; without any, every
// {path.NAME} passes. It fails on what Check reports.
func Compile(c *Config, captures []string) (*Redirect, error) {
	if !allowed(c.Status) {
		return nil, fmt.Errorf("redirect: %d is not the status of a redirect", c.Status)
	}
	to, err := template.CompileURL(c.To, captures...)
	if err != nil {
		return nil, err
	}
	return &Redirect{to: to, status: c.Status}, nil
}

// Reads are the selectors that the target depends on, besides what stands on every line of the log.
func (r *Redirect) Reads() []string { return r.to.Reads() }

// Act implements [http7.Action]: the answer has a Location and no body.
func (r *Redirect) Act(x *http7.Exchange) *http7.Fault {
	for _, s := range r.to.Reads() {
		x.Lacks(s)
	}
	location, f := r.location(x)
	if f != nil {
		return f
	}
	x.LocalAnswer(r.status).Header.Add(locationName, location)
	return nil
}

var locationName = http7.Known(http7.Location)

// location returns the URL that the client is sent to.
func (r *Redirect) location(x *http7.Exchange) ([]byte, *http7.Fault) {
	dst, f := r.to.AppendPath(x.Room(room), x, template.Match{})
	if f != nil {
		return nil, f
	}
	end := len(dst)
	if dst = r.to.AppendQuery(append(dst, '?'), x, template.Match{}); len(dst) == end+1 {
		dst = dst[:end] // an empty query is none
	}
	return r.to.AppendFragment(dst, x), nil
}

// room is what most locations fit in.
const room = 512
