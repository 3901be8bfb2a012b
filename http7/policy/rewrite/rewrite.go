// Package rewrite is the action of a route that changes the path and query on their way to the endpoint.
//
// gateway compiles it into the route's last steps; the hall runs it at stage rewrite. It sets x.Out and
// nothing else, and lets no path leave that the listener of the request could have refused.
package rewrite

import (
	"bytes"
	"regexp"
	"regexp/syntax"

	"weir/http7"
	"weir/http7/paths"
	"weir/http7/template"
	"weir/internal/conf"
)

// name is that of the step.
const name = "rewrite"

// Compile returns the step of c on a route whose path captures these names; nil lets every {path.NAME}
// pass. The step has no Request if c changes nothing or is off. Compile fails on what Check reports.
func Compile(c *Config, captures []string) (http7.Step, error) {
	s := http7.Step{Name: name, Stage: http7.Rewrite}
	r := &rewriter{}
	var err error
	if r.strip, err = prefixOf(c.StripPrefix); err != nil {
		return s, err
	}
	if r.prefix, err = prefixOf(c.Prefix); err != nil {
		return s, err
	}
	if _, err = compileRegex(c, r, captures); err != nil {
		return s, err
	}
	if r.to != nil {
		s.Reads = r.to.Reads()
	}
	switch {
	case c.Mode == conf.ModeOff || r.strip == "" && r.prefix == "" && r.regex == nil:
		return s, nil
	case c.Mode == conf.Observe:
		s.Mode, s.Request = http7.Observe, observer{r}
		return s, nil
	}
	s.Request = r
	return s, nil
}

// rewriter is the compiled form. It never changes.
type rewriter struct {
	strip, prefix string
	regex         *regexp.Regexp
	once          bool // regex matches at the path's beginning or not at all
	to            *template.URL
}

// anchored reports whether an expression matches at the beginning of a text or not at all.
func anchored(expr string) bool {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return false
	}
	prog, err := syntax.Compile(re.Simplify())
	return err == nil && prog.StartCond()&syntax.EmptyBeginText != 0
}

// Request implements [http7.Policy].
func (r *rewriter) Request(x *http7.Exchange) http7.Verdict {
	out, f := r.target(x)
	if f != nil {
		return http7.Refuse(f)
	}
	if out != nil {
		x.Out = out
	}
	return http7.Continue
}

type observer struct{ r *rewriter }

// Request implements [http7.Policy].
func (o observer) Request(x *http7.Exchange) http7.Verdict {
	switch out, f := o.r.target(x); {
	case f != nil:
		x.Verdicts = append(x.Verdicts, name+":would refuse the path")
	case out != nil:
		x.Verdicts = append(x.Verdicts, name+":would change the target")
	}
	return http7.Continue
}

const (
	// room is what most targets grow by.
	room = 128
	// maxTarget bounds what an expression that matches often makes of a path, in bytes.
	maxTarget = 64 << 10
)

// target returns what x's endpoint is asked for, nil for no change.
func (r *rewriter) target(x *http7.Exchange) ([]byte, *http7.Fault) {
	if r.to != nil {
		for _, s := range r.to.Reads() {
			x.Lacks(s)
		}
	}
	path, query, hasQuery := current(x)
	if string(path) == "*" {
		return nil, nil
	}
	e := edit{x: x, dst: x.Room(len(path) + len(r.prefix) + len(query) + room)}
	e.dst = append(e.dst, r.prefix...)
	stripped := cutPrefix(path, r.strip)
	if r.regex == nil {
		e.dst = append(e.dst, stripped...)
	} else if f := r.replace(&e, stripped); f != nil {
		return nil, f
	}
	if e.first == nil && bytes.Equal(e.dst, path) {
		return nil, nil
	}
	if f := e.canonical(path); f != nil {
		return nil, f
	}
	if e.first != nil && r.to.HasQuery() {
		return e.withQuery(r.to, stripped)
	}
	if hasQuery {
		e.dst = append(append(e.dst, '?'), query...)
	}
	return e.dst, nil
}

// current returns the path and query that would leave as things stand.
func current(x *http7.Exchange) (path, query []byte, hasQuery bool) {
	if x.Out != nil {
		return bytes.Cut(x.Out, questionMark)
	}
	return x.Path, x.Query, x.Query != nil
}

var (
	questionMark = []byte{'?'}
	root         = []byte{'/'}
)

// cutPrefix cuts whole segments off the front of a path.
func cutPrefix(path []byte, prefix string) []byte {
	if len(path) < len(prefix) || string(path[:len(prefix)]) != prefix {
		return path
	}
	switch rest := path[len(prefix):]; {
	case len(rest) == 0:
		return root
	case rest[0] == '/':
		return rest
	}
	return path
}

// edit is a target under way.
type edit struct {
	x     *http7.Exchange
	dst   []byte
	first []int // the groups of the first match, nil without one
}

// replace appends path with To in the place of each match.
func (r *rewriter) replace(e *edit, path []byte) *http7.Fault {
	at := 0
	one := func(groups []int) *http7.Fault {
		e.dst = append(e.dst, path[at:groups[0]]...)
		at = groups[1]
		e.dst, _ = r.to.AppendPath(e.dst, e.x, template.Match{Of: path, Groups: groups})
		if len(e.dst) > maxTarget {
			return http7.TargetTooLong
		}
		return nil
	}
	if r.once {
		if e.first = r.regex.FindSubmatchIndex(path); e.first != nil {
			if f := one(e.first); f != nil {
				return f
			}
		}
	} else {
		for i, groups := range r.regex.FindAllSubmatchIndex(path, -1) {
			if i == 0 {
				e.first = groups
			}
			if f := one(groups); f != nil {
				return f
			}
		}
	}
	e.dst = append(e.dst, path[at:]...)
	return nil
}

// canonical brings dst into its canonical form. It refuses what could be read in more than one way,
// unless was, the path before, showed the same.
func (e *edit) canonical(was []byte) *http7.Fault {
	var rules paths.Rules // what the strictest let through has the same form under all others
	dst := e.x.Room(len(e.dst) + room)
	form, changed, f := rules.Canonical(dst, e.dst)
	if f != nil {
		rules = paths.Shown(was)
		form, changed, f = rules.Canonical(dst, e.dst)
	}
	switch {
	case f != nil:
		return http7.AmbiguousPath
	case changed:
		e.dst = form
	}
	return nil
}

// withQuery appends the query of to.
func (e *edit) withQuery(to *template.URL, path []byte) ([]byte, *http7.Fault) {
	end := len(e.dst)
	e.dst = to.AppendQuery(append(e.dst, '?'), e.x, template.Match{Of: path, Groups: e.first})
	switch n := len(e.dst); {
	case n > maxTarget:
		return nil, http7.TargetTooLong
	case n == end+1:
		e.dst = e.dst[:end] // an empty query is none
	}
	return e.dst, nil
}
