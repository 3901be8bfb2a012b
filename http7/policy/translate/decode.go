package translate

import "weir/http7"

// decoder is the filter of a request's body: frames of gRPC, in base64 if the call is text.
type decoder struct {
	frames frames
	text   bool
	quad   [4]byte // of text
	n      int     // of quad
}

func (d *decoder) reset(text bool) { *d = decoder{text: text} }

// Changes implements [http7.Filter].
func (d *decoder) Changes() bool { return d.text }

// Write implements [http7.Filter]. It needs room for three bytes.
func (d *decoder) Write(dst, chunk []byte, how http7.How) (out []byte, taken int, done bool, fault *http7.Fault) {
	out, taken, ok := chunk, len(chunk), true
	if d.text {
		at := len(dst)
		dst, taken, ok = d.decode(dst, chunk)
		ok = ok && d.frames.follow(dst[at:])
		out = dst
	} else {
		ok = d.frames.follow(chunk)
	}
	done = taken == len(chunk)
	if !ok || done && how == http7.Last && !(d.n == 0 && d.frames.whole()) {
		return nil, taken, done, http7.BadContent
	}
	return out, taken, done, nil
}

// decode appends what chunk means (RFC 4648 §4) while there is room. Padding may stand anywhere between messages:
// each piece of a body is coded by itself, and what follows begins anew.
func (d *decoder) decode(dst, chunk []byte) (out []byte, taken int, ok bool) {
	for taken < len(chunk) && cap(dst)-len(dst) >= 3 {
		n := copy(d.quad[d.n:], chunk[taken:])
		taken += n
		if d.n += n; d.n < len(d.quad) {
			break
		}
		d.n = 0
		if dst, ok = appendQuad(dst, d.quad); !ok {
			return dst, taken, false
		}
	}
	return dst, taken, true
}

// appendQuad appends the one to three bytes of a group of four characters.
func appendQuad(dst []byte, q [4]byte) ([]byte, bool) {
	a, b, c, d := digits[q[0]], digits[q[1]], digits[q[2]], digits[q[3]]
	if (a|b|c|d)&noDigit == 0 {
		return append(dst, a<<2|b>>4, b<<4|c>>2, c<<6|d), true
	}
	switch {
	case (a|b)&noDigit != 0 || q[3] != '=':
		return dst, false
	case q[2] == '=':
		return append(dst, a<<2|b>>4), b<<4 == 0 // bits that are left over are zero (RFC 4648 §3.5)
	}
	return append(dst, a<<2|b>>4, b<<4|c>>2), c&noDigit == 0 && c<<6 == 0
}

const noDigit = 0x80

// digits are the values of the characters of base64.
var digits = func() (t [256]byte) {
	for i := range t {
		t[i] = noDigit
	}
	for i, c := range []byte(alphabet) {
		t[c] = byte(i)
	}
	return t
}()

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
