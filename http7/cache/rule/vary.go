package rule

import (
	"bytes"
	"encoding/binary"
	"iter"
	"slices"

	"weir/http7"
)

// Limits of a Vary that is stored: what is longer would make keys that nobody meets again.
const (
	MaxVaryNames = 16
	maxVaryName  = 64
	maxVaryBytes = 4096 // of all values of one request
)

// Vary is a list of field names in lower case, sorted and packed: for each the ID u8, its length u8 and the name. The
// same names make the same bytes.
type Vary []byte

// ParseVary reads the Vary fields of an answer (RFC 9110 §12.5.5) and appends the names to dst. why says why the answer
// can't be stored: "*", something that is no name, or too many; "" if nothing stands against it.
func ParseVary(dst Vary, answer *http7.Header) (v Vary, why string) {
	if !answer.Has(http7.Vary) {
		return dst, ""
	}
	var names []string
	for value := range answer.Each(http7.Known(http7.Vary)) {
		for len(value) > 0 {
			var item []byte
			item, value = cutComma(value)
			switch item = trimOWS(item); {
			case len(item) == 0:
				continue
			case string(item) == "*":
				return dst, "vary-any"
			case !http7.IsToken(item) || len(item) > maxVaryName:
				return dst, "vary-malformed"
			}
			if names = append(names, string(bytes.ToLower(item))); len(names) > 4*MaxVaryNames {
				return dst, "vary-many"
			}
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > MaxVaryNames {
		return dst, "vary-many"
	}
	for _, n := range names {
		dst = append(dst, byte(http7.LookupID([]byte(n))), byte(len(n)))
		dst = append(dst, n...)
	}
	return dst, ""
}

// All yields the names.
func (v Vary) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := v; len(rest) >= 2; {
			n := 2 + int(rest[1])
			if n > len(rest) || !yield(rest[2:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// Without appends to dst the names of v that drop doesn't report.
func (v Vary) Without(dst Vary, drop func(name []byte) bool) Vary {
	for rest := v; len(rest) >= 2; {
		n := 2 + int(rest[1])
		if !drop(rest[2:n]) {
			dst = append(dst, rest[:n]...)
		}
		rest = rest[n:]
	}
	return dst
}

const indexSize = 16 // kind, padding, nonce

// AppendIndex appends the stored form of a list of names: the head of the object that stands in a primary key's place
// while its answers vary. Another nonce makes all variants of the one before unreachable.
func AppendIndex(dst []byte, v Vary, nonce uint64) []byte {
	dst = append(dst, byte(IndexHead), 0, 0, 0, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, nonce)
	return append(dst, v...)
}

// Index reads it; ok is false if h is no index.
func (h Head) Index() (v Vary, nonce uint64, ok bool) {
	if len(h) < indexSize || h.Kind() != IndexHead {
		return nil, 0, false
	}
	return Vary(h[indexSize:]), binary.LittleEndian.Uint64(h[8:]), true
}

// AppendVariant appends to a primary key what makes it the key of the variant that a request selects (RFC 9111 §4.1):
// NUL, "V", the nonce, and every value, normalised where its field has a rule for that, each with its length. It allocates
// nothing while dst has room. ok is false if the values are too long: such a request bypasses the cache.
func AppendVariant(dst []byte, v Vary, nonce uint64, request *http7.Header) (key []byte, ok bool) {
	dst = append(dst, 0, 'V')
	dst = binary.LittleEndian.AppendUint64(dst, nonce)
	begin := len(dst)
	for len(v) >= 2 {
		n := 2 + int(v[1])
		dst = appendSelecting(dst, http7.ID(v[0]), v[2:n], request)
		if v = v[n:]; len(dst)-begin > maxVaryBytes {
			return dst, false
		}
	}
	return dst, true
}

// How a value stands in a key. Values of different kinds never meet.
const (
	valueAbsent byte = iota
	valueAsSent      // lines joined by ", "
	valueNormal
)

func appendSelecting(dst []byte, id http7.ID, name []byte, h *http7.Header) []byte {
	at := len(dst)
	dst = append(dst, valueAbsent, 0, 0, 0)
	from := len(dst)
	i := findLine(h, id, name, 0)
	if i < 0 {
		return dst
	}
	dst = append(dst, trimOWS(h.Value(i))...)
	for i = findLine(h, id, name, i+1); i >= 0; i = findLine(h, id, name, i+1) {
		dst = append(append(dst, ", "...), trimOWS(h.Value(i))...)
	}
	dst[at] = valueAsSent
	n := len(dst) - from
	if n <= mostNormal {
		dst = slices.Grow(dst, n)
		if normal, ok := normalise(dst[from:], dst[from+n:from+2*n], id, name); ok {
			n, dst[at] = normal, valueNormal
			dst = dst[:from+n]
		}
	}
	dst[at+1], dst[at+2], dst[at+3] = byte(n), byte(n>>8), byte(n>>16)
	return dst
}

// findLine is [http7.Header.Find] for a name that is bytes in lower case.
func findLine(h *http7.Header, id http7.ID, name []byte, from int) int {
	if id != http7.Unlisted {
		return h.Find(http7.Known(id), from)
	}
	for i := from; i < h.Len(); i++ {
		if h.IDAt(i) != http7.Unlisted {
			continue
		}
		if n, _ := h.At(i); http7.EqualFold(n, name) {
			return i
		}
	}
	return -1
}
