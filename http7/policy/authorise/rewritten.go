package authorise

import (
	"strconv"
	"strings"
)

// rewritten is the text of a requirement as the engine takes it: "scope:a" is written as the call scope("a").
type rewritten struct {
	text string
	ends []end
}

// end is where a term of the original text ends, in both texts.
type end struct{ to, from int }

// rewrite does so outside strings.
func rewrite(text string) rewritten {
	var r rewritten
	var b strings.Builder
	for i := 0; i < len(text); {
		n := quoted(text[i:])
		if t, ok := termAt(text[i:]); ok && n == 0 && (i == 0 || !inWord(text[i-1])) {
			b.WriteString(t.word + "(" + strconv.Quote(t.name) + ")")
			i += t.length
			r.ends = append(r.ends, end{b.Len(), i})
			continue
		}
		n = max(n, 1)
		b.WriteString(text[i : i+n])
		i += n
	}
	r.text = b.String()
	return r
}

// quoted returns the length of the string that text begins with; 0 if it begins with none.
func quoted(text string) int {
	if strings.IndexByte("\"'`", text[0]) < 0 {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && text[0] != '`':
			i++
		case text[i] == text[0]:
			return i + 1
		}
	}
	return len(text)
}

func inWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '.' || c == '"' || c == '\'' || c == '`'
}

// original returns where a place in the rewritten text is in the original.
func (r *rewritten) original(at int) int {
	last := end{}
	for _, e := range r.ends {
		if e.to > at {
			break
		}
		last = e
	}
	return last.from + at - last.to
}

// mostNear is how much of a text is shown where something is wrong.
const mostNear = 24

// near says where the engine's place is, counted in characters, in the words of the original text.
func (r *rewritten) near(at int, original string) string {
	bytes := 0
	for i := range r.text {
		if at--; at < 0 {
			bytes = i
			break
		}
		bytes = len(r.text)
	}
	from := min(r.original(bytes), len(original))
	if from == len(original) {
		return "at its end"
	}
	shown := original[from:]
	if len(shown) > mostNear {
		shown = strings.ToValidUTF8(shown[:mostNear], "") + "…"
	}
	return "at " + strconv.Quote(shown)
}
