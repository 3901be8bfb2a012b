package match

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"strings"

	"weir/http7"
)

// expression is a regular expression on paths. Two plain texts that every path it takes must hold are
// looked for first: most paths are refused without a run of the machine.
type expression struct {
	re       *regexp.Regexp
	prefix   string // what a path must begin with; "" for one that is not bound to the beginning
	inner    string // what must occur anywhere
	captures *captures
	groups   []int // of the captures
}

// newExpression compiles expr; what is none takes nothing. Equal ones share what they compile to.
func newExpression(expr string, known map[string]*expression) *expression {
	if e := known[expr]; e != nil {
		return e
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		re = never
	}
	e := &expression{re: re}
	e.prefix, e.inner = plainParts(expr)
	names := captures{re: e}
	for i, name := range re.SubexpNames() {
		if name != "" && len(names.names) < http7.MaxCaptures {
			names.names, e.groups = append(names.names, name), append(e.groups, i)
		}
	}
	if len(names.names) > 0 {
		e.captures = &names
	}
	known[expr] = e
	return e
}

func (e *expression) holds(path []byte) bool {
	return len(path) >= len(e.prefix) && string(path[:len(e.prefix)]) == e.prefix &&
		(e.inner == "" || contains(path, e.inner)) && e.re.Match(path)
}

func contains(path []byte, text string) bool {
	for {
		i := bytes.IndexByte(path, text[0])
		if i < 0 || len(path)-i < len(text) {
			return false
		}
		if string(path[i:i+len(text)]) == text {
			return true
		}
		path = path[i+1:]
	}
}

func (e *expression) take(x *http7.Exchange) {
	at := e.re.FindSubmatchIndex(x.Path)
	for i, g := range e.groups {
		if 2*g+1 < len(at) && at[2*g] >= 0 {
			x.Captures.Set(i, x.Path[at[2*g]:at[2*g+1]])
		}
	}
}

// plainParts returns the literal text that every match of expr begins with, "" if expr is not bound to
// the beginning, and the longest one that it must hold besides.
func plainParts(expr string) (prefix, inner string) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return "", ""
	}
	if tree.Op == syntax.OpConcat && tree.Sub[0].Op == syntax.OpBeginText {
		for _, sub := range tree.Sub[1:] {
			text, whole := lead(sub)
			if prefix += text; !whole {
				break
			}
		}
	}
	for _, text := range musts(nil, tree) {
		if len(text) > len(inner) && !strings.Contains(prefix, text) {
			inner = text
		}
	}
	return prefix, inner
}

// lead returns the literal text that each match of t begins with and whether that is all of it.
func lead(t *syntax.Regexp) (text string, whole bool) {
	switch t.Op {
	case syntax.OpLiteral:
		if t.Flags&syntax.FoldCase == 0 {
			return string(t.Rune), true
		}
	case syntax.OpCapture:
		return lead(t.Sub[0])
	case syntax.OpConcat:
		for _, sub := range t.Sub {
			more, all := lead(sub)
			if text += more; !all {
				return text, false
			}
		}
		return text, true
	case syntax.OpEmptyMatch:
		return "", true
	case syntax.OpPlus:
		text, _ = lead(t.Sub[0])
	case syntax.OpRepeat:
		if t.Min > 0 {
			text, _ = lead(t.Sub[0])
		}
	}
	return text, false
}

// musts appends the literal texts that each match of t holds somewhere.
func musts(texts []string, t *syntax.Regexp) []string {
	switch t.Op {
	case syntax.OpLiteral:
		if t.Flags&syntax.FoldCase == 0 {
			texts = append(texts, string(t.Rune))
		}
	case syntax.OpRepeat:
		if t.Min > 0 {
			texts = musts(texts, t.Sub[0])
		}
	case syntax.OpCapture, syntax.OpPlus:
		texts = musts(texts, t.Sub[0])
	case syntax.OpConcat:
		for _, sub := range t.Sub {
			texts = musts(texts, sub)
		}
	}
	return texts
}
