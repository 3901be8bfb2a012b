package template

import (
	"strconv"
	"strings"

	"weir/http7/paths"
	"weir/internal/conf"
)

// CompileURL reads the text of a URL that a client is sent to: "https://host/path", with http or {scheme}
// before "://" too, or "/path" on the host that was asked. The host stays the one that the text names: of
// variables it takes {host}, and others only as whole labels before a fixed domain, as in
// "https://{path.shop}.example.com/". names are as in [Compile].
//
// A value is escaped for the place where it stands; {path}, {rest} and captures keep their slashes in
// a path. Errors are [*conf.BadValue] with a hint.
func CompileURL(text string, names ...string) (*URL, error) {
	p, err := parse(text, options{captures: names})
	if err != nil {
		return nil, err
	}
	rest, err := placeAuthority(p)
	if err != nil {
		return nil, err
	}
	return newURL(p, rest)
}

// CompileTarget reads the text of a path, or of part of one, and of the query that may follow it. In it
// "$1", "${2}", "${name}" and "$0" are what the groups of a regular expression took, "$$" is a dollar
// sign; groups are those that [regexp.Regexp.SubexpNames] returns.
func CompileTarget(text string, groups []string, names ...string) (*URL, error) {
	p, err := parse(text, options{captures: names, groups: groups})
	if err != nil {
		return nil, err
	}
	return newURL(p, 0)
}

// newURL places the parts of p from index rest on, where the path begins, and escapes fixed text.
func newURL(p parts, rest int) (*URL, error) {
	u := &URL{path: p[:rest:rest], reads: p.reads()}
	into, place := &u.path, inPath
	for _, part := range p[rest:] {
		if part.of != literal {
			part.place = place
			*into = append(*into, part)
			continue
		}
		text := part.text
		for {
			stop := "?#"
			if place == inQuery {
				stop = "#"
			}
			if into == &u.fragment {
				stop = ""
			}
			i := strings.IndexAny(text, stop)
			if i < 0 {
				i = len(text)
			}
			fixed, err := fixedText(text[:i], place)
			if err != nil {
				return nil, err
			}
			if fixed != "" {
				*into = append(*into, partOf(fixed, place))
			}
			if i == len(text) {
				break
			}
			place = inQuery
			if text[i] == '?' {
				into, u.hasQuery = &u.query, true
			} else {
				into = &u.fragment
				u.fragment = append(u.fragment, partOf("#", place))
			}
			text = text[i+1:]
		}
	}
	return u, nil
}

func partOf(text string, where place) part { return part{text: text, place: where} }

// fixedText escapes what can't stand raw in its place, such as blanks and letters outside ASCII.
func fixedText(text string, where place) (string, error) {
	keep := keptOfQuery
	if where == inPath {
		keep = keptInPath
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\':
			return "", &conf.BadValue{Text: strconv.Quote(text) + ": a backslash can't stand in a URL", Hint: `write a slash, or "%5C"`}
		case c == '%' && !paths.IsEscape(text[i:]):
			return "", &conf.BadValue{Text: strconv.Quote(text) + `: "%" begins no escape`, Hint: `write "%25" for a percent sign`}
		case kept[c]&keep != 0 || c == '/' || c == '%' || c == ';':
			b = append(b, c)
		default:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b), nil
}
