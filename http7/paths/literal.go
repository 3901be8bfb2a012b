package paths

import (
	"weir/http7"
)

// Literal returns the canonical form of a path, or of whole segments of one, that an operator wrote:
// what can't stand raw in a path, such as blanks and letters outside ASCII, is escaped first. text
// begins with "/". It fails on what no listener's rules let through: then no request has that path.
func Literal(text string) (string, *http7.Fault) {
	raw := make([]byte, 0, len(text))
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ' || c == 0x7f || c == '\\':
			return "", http7.AmbiguousPath
		case class[c] != 0 || c == '/' || c == '%' || c == ';':
			raw = append(raw, c)
		default:
			raw = appendEscape(raw, c)
		}
	}
	all := Rules{EmptySegments: Keep, EncodedSlash: Keep, Parameters: Keep}
	form, _, f := all.Canonical(nil, raw)
	return string(form), f
}
