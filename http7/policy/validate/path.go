package validate

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// step is one segment of a path template: a text, a parameter, or texts with parameters between.
type step struct {
	text    string
	names   []string
	pattern *regexp.Regexp // of a step with texts and parameters
}

// parsePath reads a path template (OpenAPI, Path Templating).
func parsePath(path string) ([]step, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, errors.New("a path begins with a slash")
	}
	var steps []step
	seen := map[string]bool{}
	for text := range strings.SplitSeq(path[1:], "/") {
		s, err := parseStep(text)
		if err != nil {
			return nil, err
		}
		for _, name := range s.names {
			if seen[name] { // the second would be held against nothing
				return nil, errors.New("the name " + strconv.Quote(name) + " is there twice")
			}
			seen[name] = true
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func parseStep(text string) (step, error) {
	s := step{text: text}
	var pattern strings.Builder
	for rest := text; rest != ""; {
		before, behind, opened := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return s, errors.New("a brace is closed that was not opened")
		}
		pattern.WriteString(regexp.QuoteMeta(before))
		if !opened {
			break
		}
		name, after, closed := strings.Cut(behind, "}")
		if !closed || name == "" || strings.Contains(name, "{") {
			return s, errors.New("a brace is not closed, or has no name in it")
		}
		s.names = append(s.names, name)
		pattern.WriteString("(.+)")
		rest = after
	}
	if len(s.names) == 0 || text == "{"+s.names[0]+"}" {
		return s, nil
	}
	var err error
	s.pattern, err = regexp.Compile("(?s)^" + pattern.String() + "$")
	return s, err
}

// breadth says how much a step takes: a text one thing, a parameter everything.
func (s *step) breadth() int {
	switch {
	case len(s.names) == 0:
		return 0
	case s.pattern != nil:
		return 1
	}
	return 2
}

// mold returns the text of s without the names of its parameters.
func (s *step) mold() string {
	text := s.text
	for _, name := range s.names {
		text = strings.Replace(text, "{"+name+"}", "{}", 1)
	}
	return text
}

// narrower reports whether a is asked before b: concrete paths come before templated ones.
func narrower(a, b []step) bool {
	for i := range a {
		if x, y := a[i].breadth(), b[i].breadth(); x != y {
			return x < y
		}
	}
	return false
}

// named is a parameter of the path with its value.
type named struct{ name, value string }

// take reports whether a segment is s, and appends the parameters that it has.
func (s *step) take(segment string, into []named) ([]named, bool) {
	switch {
	case len(s.names) == 0:
		return into, segment == s.text
	case segment == "":
		return into, false // a parameter of the path is never empty
	case s.pattern == nil:
		return append(into, named{s.names[0], segment}), true
	}
	m := s.pattern.FindStringSubmatch(segment)
	if m == nil {
		return into, false
	}
	for i, name := range s.names {
		into = append(into, named{name, m[i+1]})
	}
	return into, true
}

// find returns the route of a path as it was received, with its parameters; nil if there is none.
func (a *api) find(path string) (*route, []named) {
	rest, ok := strings.CutPrefix(path, a.base)
	if !ok || !strings.HasPrefix(rest, "/") {
		return nil, nil
	}
	segments := strings.Split(rest[1:], "/")
	for i := range segments {
		var err error
		if segments[i], err = url.PathUnescape(segments[i]); err != nil {
			return nil, nil
		}
	}
	for _, r := range a.routes[len(segments)] {
		if has, ok := r.take(segments); ok {
			return r, has
		}
	}
	return nil, nil
}

func (r *route) take(segments []string) (has []named, ok bool) {
	for i := range r.steps {
		if has, ok = r.steps[i].take(segments[i], has); !ok {
			return nil, false
		}
	}
	return has, true
}

// answerTo returns what is described for a status: it, its class, or the default.
func (o *operation) answerTo(status int) *answer {
	text := strconv.Itoa(status)
	for _, key := range [...]string{text, text[:1] + "XX", "DEFAULT"} {
		if a := o.answers[key]; a != nil {
			return a
		}
	}
	return nil
}
