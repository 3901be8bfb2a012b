package authorise

import (
	"strconv"
	"strings"

	"weir/http7/paths"
	"weir/internal/conf"
)

// pattern is a path of a rule in its canonical form. It takes what the same text takes as the path of a route.
type pattern struct {
	segments []string // "" for any
	rest     bool     // what is below it too
}

// newPattern reads a path. Its error is a [*conf.BadValue].
func newPattern(text string) (pattern, error) {
	quoted := strconv.Quote(text)
	body, rest := strings.CutSuffix(text, "/*")
	switch {
	case !strings.HasPrefix(text, "/"):
		return pattern{}, &conf.BadValue{Text: quoted + " does not begin with /", Hint: "write a path, such as \"/orders/*\"; for a regular expression write require = 'path matches \"^/a\"'"}
	case strings.Contains(body, "*"):
		return pattern{}, &conf.BadValue{Text: quoted + " has a * that is not its end", Hint: `a prefix is written "/prefix/*", one segment "/a/{name}/b"`}
	case strings.ContainsAny(text, "?#"):
		return pattern{}, &conf.BadValue{Text: quoted + " has more than a path", Hint: "write the path alone"}
	}
	p := pattern{rest: rest}
	if body == "" {
		return p, nil
	}
	for s := range strings.SplitSeq(body[1:], "/") {
		literal, err := segmentOf(s, quoted)
		if err != nil {
			return pattern{}, err
		}
		p.segments = append(p.segments, literal)
	}
	return p, nil
}

// anySegment stands for a {segment}: no literal is written so.
const anySegment = "{"

func segmentOf(s, quoted string) (string, error) {
	if len(s) > 2 && s[0] == '{' && s[len(s)-1] == '}' && !strings.ContainsAny(s[1:len(s)-1], "{}") {
		return anySegment, nil
	}
	if strings.ContainsAny(s, "{}") {
		return "", &conf.BadValue{Text: quoted + " has braces that are not a whole segment", Hint: `write "/a/{name}/b"`}
	}
	form, fault := paths.Literal("/" + s)
	if fault != nil {
		return "", &conf.BadValue{Text: quoted + " is not a path that requests come with", Hint: "dot segments and escapes of control characters are refused or resolved before any rule is looked for"}
	}
	return form[1:], nil
}

// takes reports whether p takes a canonical path.
func (p *pattern) takes(path []byte) bool {
	for _, want := range p.segments {
		if len(path) == 0 || path[0] != '/' {
			return false
		}
		n := 1
		for n < len(path) && path[n] != '/' {
			n++
		}
		if (want != anySegment || n == 1) && string(path[1:n]) != want {
			return false
		}
		path = path[n:]
	}
	return len(path) == 0 || p.rest && (path[0] == '/' || len(p.segments) == 0)
}
