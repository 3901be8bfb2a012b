package selector

import (
	"encoding/binary"
	"strings"

	"weir/http7"
	"weir/internal/conf"
)

// masked stands for values that may be secrets.
const masked = "(masked)"

// Show returns what is selected of x as a person reads it, parts and values with commas between; "" if
// any part is absent. What may be a secret is masked.
func (s *Selection) Show(x *http7.Exchange) string {
	var shown []string
	for i := range s.parts {
		w := writer{keeps: true}
		if w.part(&s.parts[i], x); w.total == 0 {
			return ""
		}
		shown = append(shown, s.parts[i].show(x, w.kept)...)
	}
	return strings.Join(shown, ", ")
}

// show takes apart what a writer has kept of p.
func (p *part) show(x *http7.Exchange, kept []byte) (values []string) {
	switch {
	case p.kind == conf.PartClient:
		return []string{x.Client.Unmap().String()}
	case p.kind == conf.PartCookie, http7.SecretName(p.head.String()), http7.SecretName(p.name):
		return []string{masked}
	}
	kept, n := cutNumber(kept)
	values = make([]string, n)
	for i := n - 1; i >= 0; i-- {
		var length int
		kept, length = cutNumber(kept)
		values[i] = string(kept[len(kept)-length:])
		kept = kept[:len(kept)-length]
	}
	return values
}

// cutNumber cuts the number that ends b.
func cutNumber(b []byte) (rest []byte, n int) {
	at := len(b) - 4
	return b[:at], int(binary.LittleEndian.Uint32(b[at:]))
}
