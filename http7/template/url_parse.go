package template

import (
	"strconv"
	"strings"

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
	before, after, err := cutAuthority(p)
	if err != nil {
		return nil, err
	}
	u := &URL{path: before, bare: len(before) == 0, reads: p.reads()}
	if err := u.place(after); err != nil {
		return nil, err
	}
	if !u.hasQuery {
		u.query = parts{{of: query, place: inQuery}}
	}
	return u, nil
}

// CompileTarget reads the text of a path, or of part of one, and of the query that may follow it. In it
// "$1", "$name" and "$0", or "${1}" and "${name}", are what the groups of a regular expression took, "$$" is a dollar
// sign; groups are those that [regexp.Regexp.SubexpNames] returns.
func CompileTarget(text string, groups []string, names ...string) (*URL, error) {
	p, err := parse(text, options{captures: names, groups: groups})
	if err != nil {
		return nil, err
	}
	u := &URL{reads: p.reads()}
	if err := u.place(p); err != nil {
		return nil, err
	}
	if len(u.fragment) > 0 {
		return nil, &conf.BadValue{Text: `what is behind "#" never leaves a browser`, Hint: `write "%23" for the character`}
	}
	return u, nil
}

// place sorts the parts behind the host into path, query and fragment, and escapes fixed text.
func (u *URL) place(p parts) error {
	at, where := &u.path, inPath
	for _, part := range p {
		if part.of != literal {
			part.place = where
			*at = append(*at, part)
			continue
		}
		path, query, fragment := part.text, "", ""
		hasQuery, hasFragment := false, false
		if at != &u.fragment {
			path, fragment, hasFragment = strings.Cut(path, "#")
		}
		if at == &u.path {
			path, query, hasQuery = strings.Cut(path, "?")
		}
		if err := at.add(path, where); err != nil {
			return err
		}
		if hasQuery {
			at, where, u.hasQuery = &u.query, inQuery, true
			if err := at.add(query, where); err != nil {
				return err
			}
		}
		if hasFragment {
			at, where = &u.fragment, inQuery
			*at = append(*at, partOf("#", where))
			if err := at.add(fragment, where); err != nil {
				return err
			}
		}
	}
	return nil
}

// add appends fixed text, escaped for its place.
func (p *parts) add(text string, where place) error {
	text, err := fixedText(text, where)
	if err == nil && text != "" {
		*p = append(*p, partOf(text, where))
	}
	return err
}

func partOf(text string, where place) part { return part{text: text, place: where} }

// fixedText escapes what can't stand raw in its place, such as blanks and letters outside ASCII.
func fixedText(text string, where place) (string, error) {
	keep := keptOfQuery
	if where == inPath {
		keep = keptInPath
	}
	b := make([]byte, 0, len(text))
	for i := range len(text) {
		c := text[i]
		switch {
		case c == '\\':
			return "", &conf.BadValue{Text: strconv.Quote(text) + ": a backslash can't stand in a URL", Hint: `write a slash, or "%5C"`}
		case c == '%' && !isEscape(text[i:]):
			return "", &conf.BadValue{Text: strconv.Quote(text) + `: "%" begins no escape`, Hint: `write "%25" for a percent sign`}
		case kept[c]&keep != 0 || c == '/' || c == '%' || c == ';':
			b = append(b, c)
		default:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b), nil
}

// isEscape reports whether text begins with the escape of a byte, such as "%2F".
func isEscape(text string) bool {
	return len(text) >= 3 && text[0] == '%' && isHex(text[1]) && isHex(text[2])
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }
