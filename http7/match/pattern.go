package match

import (
	"cmp"
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/paths"
)

// pattern is one path of a route: exact, a prefix of whole segments, either with {segments} that take
// whatever is there, or a regular expression.
type pattern struct {
	text     string   // as the config writes it
	segments []string // in canonical form; anySegment for a {segment}
	rest     bool     // written "/*" at its end
	re       *expression
	captures *captures // nil without any
}

// anySegment stands for a {segment}: no literal is written so.
const anySegment = "{"

// newPath takes a pattern as [CheckPattern] has passed it; "" is any path.
func newPath(text string, known map[string]*expression) *pattern {
	if expr, ok := strings.CutPrefix(text, "~"); ok {
		e := newExpression(expr, known)
		return &pattern{text: text, re: e, captures: e.captures}
	}
	if text == "" {
		text = "/*"
	}
	p := &pattern{text: text}
	body, rest := strings.CutSuffix(text, "/*")
	p.rest = rest
	if body != "" {
		p.segments = strings.Split(strings.TrimPrefix(body, "/"), "/")
	}
	c := captures{rest: rest, depth: len(p.segments)}
	for i, s := range p.segments {
		name, ok := segmentName(s)
		if !ok {
			p.segments[i] = literal(s)
			continue
		}
		p.segments[i] = anySegment
		if len(c.names) < http7.MaxCaptures {
			c.names, c.at = append(c.names, name), append(c.at, i)
		}
	}
	if rest && len(c.names) < http7.MaxCaptures {
		c.names = append(c.names, restName)
	}
	if len(c.names) > 0 {
		p.captures = &c
	}
	return p
}

// segmentName returns the name of a "{name}".
func segmentName(segment string) (string, bool) {
	name, ok := strings.CutPrefix(segment, "{")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(name, "}")
}

// literal returns the canonical form of a segment, which is the only one that requests come with.
func literal(segment string) string {
	if form, fault := paths.Literal("/" + segment); fault == nil {
		return form[1:]
	}
	return segment
}

// exact returns the only path that p takes, if it is one.
func (p *pattern) exact() (path string, ok bool) {
	if p.re != nil || p.rest || slices.Contains(p.segments, anySegment) {
		return "", false
	}
	return "/" + strings.Join(p.segments, "/"), true
}

// head returns how many segments stand before the first {segment}: literal ones, of which a site
// remembers mostDepth at most.
func (p *pattern) head() int {
	n := 0
	for n < min(len(p.segments), mostDepth) && p.segments[n] != anySegment {
		n++
	}
	return n
}

// holds reports whether the pattern takes a canonical path, by looking at each segment.
func (p *pattern) holds(path []byte) bool {
	if p.re != nil {
		return p.re.holds(path)
	}
	for _, want := range p.segments {
		if len(path) == 0 || path[0] != '/' {
			return false
		}
		n := segment(path)
		if want == anySegment && n > 1 || string(path[1:n]) == want {
			path = path[n:]
			continue
		}
		return false
	}
	return len(path) == 0 || p.rest && (path[0] == '/' || len(p.segments) == 0)
}

// segment returns where the segment that path begins with ends; path begins with "/".
func segment(path []byte) int {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			return i
		}
	}
	return len(path)
}

// comparePaths orders the more specific first: segment by segment from the left, a literal before a
// {segment} before the rest, the path's end before the rest; then regular expressions, those with the
// longest literal prefix first. It returns 0 for patterns that take the same paths, and for regular
// expressions with the same literal prefix; others that no rule orders share no path.
func comparePaths(a, b *pattern) int {
	if a.re != nil || b.re != nil {
		if a.re == nil || b.re == nil {
			return compareBool(a.re == nil, b.re == nil)
		}
		return cmp.Or(cmp.Compare(len(b.re.prefix), len(a.re.prefix)), cmp.Compare(a.re.prefix, b.re.prefix))
	}
	for i := range min(len(a.segments), len(b.segments)) {
		s, t := a.segments[i], b.segments[i]
		if c := cmp.Or(compareBool(s != anySegment, t != anySegment), cmp.Compare(s, t)); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(b.segments), len(a.segments)), compareBool(!a.rest, !b.rest))
}

// compareBool orders true before false.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
