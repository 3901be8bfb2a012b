package errorpages

import (
	"bytes"

	"weir/http7"
)

// quality returns how much a client likes a media type, in thousandths, by its Accept (RFC 9110
// §12.5.1): the most specific range that holds the type decides, the first of two. Without a range it
// likes all the same. media has no parameters; of a range's only charset is understood, and a range
// with another holds nothing that we have.
func quality(accept []byte, media string) int {
	best, weight, any := 0, 0, false
	for p := http7.PreferencesOf(accept); ; {
		element, w, ok := p.Next()
		if !ok {
			break
		}
		any = true
		if s := specificity(element, media); s > best {
			best, weight = s, w
		}
	}
	if !any {
		return 1000
	}
	return weight
}

// specificity returns 3 if a range is the media type, 2 if it is all of its kind, 1 if it is everything
// and 0 if it does not hold it.
func specificity(element []byte, media string) int {
	name, params, has := bytes.Cut(element, []byte(";"))
	name = bytes.TrimRight(name, " \t")
	if has && !onlyCharset(params) {
		return 0
	}
	kind, sub, slash := bytes.Cut(name, []byte("/"))
	switch {
	case http7.EqualFold(name, media):
		return 3
	case !slash || string(sub) != "*":
		return 0
	case string(kind) == "*":
		return 1
	case len(media) > len(kind) && media[len(kind)] == '/' && http7.EqualFold(kind, media[:len(kind)]):
		return 2
	}
	return 0
}

func onlyCharset(params []byte) bool {
	const charset = "charset="
	params = bytes.TrimLeft(params, " \t")
	return len(params) == 0 || len(params) > len(charset) && http7.EqualFold(params[:len(charset)], charset) && bytes.IndexByte(params, ';') < 0
}

// mediaOf returns the type and subtype of a Content-Type field.
func mediaOf(field []byte) string {
	name, _, _ := bytes.Cut(field, []byte(";"))
	return string(bytes.TrimSpace(name))
}
