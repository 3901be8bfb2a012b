package oidc

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// seal makes texts that only Weir can read, and only where they belong. It never changes and is safe for concurrent use.
//
// The first key seals, all open. A key is derived from the secret, the provider and the client, so that what one policy has
// sealed is garbage to another; what a text is for is sealed with it. XChaCha20-Poly1305 has nonces long enough to be drawn
// at random for as long as a key is in use.
type seal struct {
	keys []cipher.AEAD
	// sum tells seals of other keys apart, and nothing else of them.
	sum [sha256.Size]byte
}

func newSeal(secrets []string, issuer, client string) (*seal, error) {
	s := &seal{}
	for _, secret := range secrets {
		key, err := hkdf.Key(sha256.New, []byte(secret), nil, "weir oidc cookie 1\x00"+issuer+"\x00"+client, chacha20poly1305.KeySize)
		if err != nil {
			return nil, err
		}
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return nil, err
		}
		s.keys, s.sum = append(s.keys, aead), sha256.Sum256(append(s.sum[:], key...))
	}
	return s, nil
}

// encoding uses characters that every cookie may hold (RFC 6265 §4.1.1).
var encoding = base64.RawURLEncoding.Strict()

// close returns text sealed for a purpose.
func (s *seal) close(purpose string, text []byte) string {
	box := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(text)+chacha20poly1305.Overhead)
	_, _ = rand.Read(box) // never fails
	return encoding.EncodeToString(s.keys[0].Seal(box, box, text, []byte(purpose)))
}

var errNotSealed = errors.New("it was not sealed here")

// open returns what was sealed for a purpose with any of the keys.
func (s *seal) open(purpose string, sealed []byte) ([]byte, error) {
	box := make([]byte, encoding.DecodedLen(len(sealed)))
	n, err := encoding.Decode(box, sealed)
	if err != nil || n < chacha20poly1305.NonceSizeX {
		return nil, errNotSealed
	}
	nonce, rest := box[:chacha20poly1305.NonceSizeX], box[chacha20poly1305.NonceSizeX:n]
	for _, key := range s.keys {
		if text, err := key.Open(nil, nonce, rest, []byte(purpose)); err == nil {
			return text, nil
		}
	}
	return nil, errNotSealed
}
