package sticky

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

const (
	nonceSize = 12
	tagSize   = 16
	plainSize = placeSize + 4
	boxSize   = nonceSize + plainSize + tagSize
)

// valueSize is the length of every value: what a cookie names does not show in it.
var valueSize = encoding.EncodedLen(boxSize)

// encoding uses characters that every cookie may hold (RFC 6265 §4.1.1).
var encoding = base64.RawURLEncoding.Strict()

// workspace is where a cookie is taken apart and put together. It is on the heap because an
// AEAD is called through an interface.
type workspace struct {
	box   [boxSize]byte
	plain [plainSize]byte
}

// newSeal derives the key of the cookies from a secret of any length.
func newSeal(secret string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "weir sticky cookie 1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal appends a value made with the first key.
func (s *Sticky) seal(dst []byte, w *workspace, p place, expires uint32) []byte {
	copy(w.plain[:], p[:])
	binary.BigEndian.PutUint32(w.plain[placeSize:], expires)
	nonce := w.box[:nonceSize]
	_, _ = rand.Read(nonce) // never fails
	s.seals[0].Seal(nonce, nonce, w.plain[:], s.upstream)
	return encoding.AppendEncode(dst, w.box[:])
}

// open reads a value that any of the keys has made; ok is false for everything else.
func (s *Sticky) open(w *workspace, value []byte) (p place, expires uint32, ok bool) {
	if len(value) != valueSize {
		return p, 0, false
	}
	if n, err := encoding.Decode(w.box[:], value); err != nil || n != boxSize {
		return p, 0, false
	}
	for _, a := range s.seals {
		if _, err := a.Open(w.plain[:0], w.box[:nonceSize], w.box[nonceSize:], s.upstream); err == nil {
			copy(p[:], w.plain[:])
			return p, binary.BigEndian.Uint32(w.plain[placeSize:]), true
		}
	}
	return p, 0, false
}
