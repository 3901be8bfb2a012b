package waf

import (
	"sort"
	"strings"
)

// lineOf returns the first line of the directive for which own rules are not taken, from 1; 0 if that can't be told, as
// where the text ends too early. Coraza says what is wrong and not where, so that it is asked about ever shorter parts.
func lineOf(text string, trouble error) int {
	ends := directives(text)
	fails := func(i int) error {
		e, err := newEngine(own, text[:ends[i].end])
		if err == nil {
			e.Close()
		}
		return err
	}
	i := sort.Search(len(ends), func(i int) bool { return fails(i) != nil })
	if i == len(ends) {
		return 0
	}
	if err := fails(i); err == nil || err.Error() != trouble.Error() {
		return 0
	}
	return ends[i].line
}

// directive is where one begins, and the offset behind it.
type directive struct{ line, end int }

// directives finds the directives of a text as Coraza's reader takes it apart: a backslash at the end goes on with the next
// line, a backtick there up to one at the beginning of a line; comments and empty lines are nowhere.
func directives(text string) (list []directive) {
	line, at, first, quoted := 0, 0, 0, false
	for raw := range strings.Lines(text) {
		line, at = line+1, at+len(raw)
		s := strings.TrimSpace(raw)
		if s == "" || s[0] == '#' {
			continue
		}
		if first == 0 {
			first = line
		}
		if !quoted && s[len(s)-1] == '`' {
			quoted = true
		} else if quoted && s[0] == '`' {
			quoted = false
		}
		if quoted || s[len(s)-1] == '\\' {
			continue
		}
		list = append(list, directive{first, at})
		first = 0
	}
	return list
}
