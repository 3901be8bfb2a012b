package rule

import "weir/http7"

// Limits of an answer's tags; an answer with more is not stored, because purging it by them would not be sure.
const (
	MaxTags    = 512
	maxTag     = 1024
	maxTagText = 16 << 10
)

// AppendTags appends the tags that the fields named n list, such as Surrogate-Key: they are separated by spaces, tabs or
// commas. The tags are views into the fields. ok is false if there are too many, or too long ones.
func AppendTags(dst [][]byte, h *http7.Header, n http7.Name) (tags [][]byte, ok bool) {
	text, begin := 0, len(dst)
	for value := range h.Each(n) {
		text += len(value)
		for len(value) > 0 {
			i := 0
			for i < len(value) && value[i] != ',' && !isOWS(value[i]) {
				i++
			}
			if i > maxTag || i > 0 && len(dst)-begin == MaxTags || text > maxTagText {
				return dst[:begin], false
			}
			if i > 0 {
				dst = append(dst, value[:i])
			}
			value = value[min(i+1, len(value)):]
		}
	}
	return dst, true
}
