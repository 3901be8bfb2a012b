package compress

import (
	"io"

	"weir/http7"
)

// coding is a content coding that Weir makes.
type coding uint8

const (
	zstdCoding coding = iota
	brCoding
	gzipCoding
	codingCount
)

var codingNames = [codingCount]string{"zstd", "br", "gzip"}

// codingOf returns the coding of a name in a config.
func codingOf(name string) (coding, bool) {
	for c, n := range codingNames {
		if n == name {
			return coding(c), true
		}
	}
	return 0, false
}

// weights are what a client thinks of each coding, in thousandths; -1 is one that it does not name.
type weights struct {
	of             [codingCount]int
	identity, star int
}

// read takes the weights from the Accept-Encoding fields of a request (RFC 9110 §12.5.3). Of a coding
// that is named twice the first holds. It reports whether there was such a field.
func (w *weights) read(h *http7.Header) bool {
	*w = weights{of: [codingCount]int{-1, -1, -1}, identity: -1, star: -1}
	if !h.Has(http7.AcceptEncoding) {
		return false
	}
	for value := range h.Each(acceptEncoding) {
		for p := http7.PreferencesOf(value); ; {
			name, weight, ok := p.Next()
			if !ok {
				break
			}
			if at := w.place(name); at != nil && *at < 0 {
				*at = weight
			}
		}
	}
	return true
}

var acceptEncoding = http7.Known(http7.AcceptEncoding)

func (w *weights) place(name []byte) *int {
	switch {
	case http7.EqualFold(name, "gzip"), http7.EqualFold(name, "x-gzip"): // RFC 9110 §8.4.1.3
		return &w.of[gzipCoding]
	case http7.EqualFold(name, "br"):
		return &w.of[brCoding]
	case http7.EqualFold(name, "zstd"):
		return &w.of[zstdCoding]
	case http7.EqualFold(name, "identity"):
		return &w.identity
	case len(name) == 1 && name[0] == '*':
		return &w.star
	}
	return nil
}

// choose returns the offered coding that the client likes best, the first of several; ok is false if
// it takes none, or likes a body without one better.
func (w *weights) choose(offers []coding) (best coding, ok bool) {
	most := 0
	for _, c := range offers {
		weight := w.of[c]
		if weight < 0 {
			weight = w.star
		}
		if weight > most {
			best, most = c, weight
		}
	}
	return best, most > 0 && most >= w.identity
}

// encoder is what the three libraries' writers have in common.
type encoder interface {
	io.Writer
	Reset(w io.Writer)
	Flush() error
	Close() error
}
