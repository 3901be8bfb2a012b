package jwt

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-jose/go-jose/v4"
	signatures "github.com/golang-jwt/jwt/v5"

	"weir/internal/conf"
)

// key is one that signatures are verified by. It never changes.
type key struct {
	// sum is of the key alone: equal for the same key, whatever its set says of it.
	sum [sha256.Size]byte
	id  string
	// algorithms are those that the key is for. A key is never used by another (RFC 8725 §3.1).
	algorithms []string
	material   any // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or []byte
}

// keySet is what a source holds. It never changes.
type keySet struct {
	doc     []byte // as it came
	keys    []key
	ignored int // keys that nothing here can be verified by
}

const (
	// maxKeys bounds what a source may hold.
	maxKeys = 100
	// minRSA is the least length of an RSA modulus (RFC 7518 §3.3).
	minRSA = 2048
	maxRSA = 8192
)

// parseSet reads a JWK set (RFC 7517 §5). Keys of unknown types, for other uses or too weak are passed over, as the RFC has
// it; a set without a usable one is an error. Shared secrets are taken if secrets says so, which it must not of a set that
// came over a wire.
func parseSet(doc []byte, secrets bool) (*keySet, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(doc, &raw); err != nil {
		return nil, badJSON(doc, err)
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("there are more than %d keys", maxKeys)
	}
	set := &keySet{doc: bytes.Clone(doc)}
	var first error
	for i, text := range raw.Keys {
		var jwk jose.JSONWebKey
		err := jwk.UnmarshalJSON(text)
		if err == nil {
			var k key
			if k, err = keyOf(&jwk, text, secrets); err == nil {
				set.keys = append(set.keys, k)
				continue
			}
		}
		set.ignored++
		if first == nil {
			first = fmt.Errorf("key %d: %w", i+1, err)
		}
	}
	switch {
	case len(set.keys) > 0:
		return set, nil
	case first != nil:
		return nil, fmt.Errorf("no key is usable: %w", first)
	}
	return nil, errors.New("there is no key")
}

// badJSON says where a document is wrong, without what stands there.
func badJSON(doc []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset <= int64(len(doc)) {
		before := doc[:syntax.Offset]
		line := bytes.Count(before, []byte("\n")) + 1
		column := len(before) - bytes.LastIndexByte(before, '\n') - 1
		return fmt.Errorf("%d:%d: %w", line, column, err)
	}
	return errors.New("it is not a set of keys")
}

// keyOf takes a key that signatures may be verified by.
func keyOf(jwk *jose.JSONWebKey, text []byte, secrets bool) (key, error) {
	var says struct {
		Ops []string `json:"key_ops"`
	}
	_ = json.Unmarshal(text, &says) // it was read already
	switch {
	case jwk.Use != "" && jwk.Use != "sig":
		return key{}, fmt.Errorf("it is for %q", jwk.Use)
	case says.Ops != nil && !slices.Contains(says.Ops, "verify") && !slices.Contains(says.Ops, "sign"):
		return key{}, errors.New("key_ops says that it does not verify")
	}
	if !jwk.IsPublic() {
		if _, is := jwk.Key.([]byte); !is {
			return key{}, errors.New("it is a private key, which must not lie here")
		}
	}
	if _, is := jwk.Key.([]byte); is && !secrets {
		return key{}, errors.New("it is a secret, which must not lie here")
	}
	k, err := newKey(jwk.Key)
	if err != nil {
		return key{}, err
	}
	k.id = jwk.KeyID
	if own := jwk.Algorithm; own != "" {
		if !slices.Contains(k.algorithms, own) {
			return key{}, fmt.Errorf("its algorithm %q is not one of its type", own)
		}
		k.algorithms = []string{own}
	}
	return k, nil
}

// newKey binds a key to the algorithms of its type.
func newKey(material any) (key, error) {
	k := key{material: material}
	switch m := material.(type) {
	case *rsa.PublicKey:
		if n := m.N.BitLen(); n < minRSA || n > maxRSA {
			return key{}, fmt.Errorf("an RSA key of %d bits", n)
		}
		k.algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		switch m.Curve {
		case elliptic.P256():
			k.algorithms = []string{"ES256"}
		case elliptic.P384():
			k.algorithms = []string{"ES384"}
		case elliptic.P521():
			k.algorithms = []string{"ES512"}
		default:
			return key{}, errors.New("its curve is not one of P-256, P-384 and P-521")
		}
	case ed25519.PublicKey:
		k.algorithms = []string{"EdDSA"}
	case []byte:
		return secretKey(m)
	default:
		return key{}, errors.New("its type is not RSA, EC or Ed25519")
	}
	der, err := x509.MarshalPKIXPublicKey(material)
	if err != nil {
		return key{}, err
	}
	k.sum = sha256.Sum256(der)
	return k, nil
}

// secretKey takes a secret that is as long as its algorithm's hash at least (RFC 7518 §3.2).
func secretKey(secret []byte) (key, error) {
	k := key{material: secret, sum: sha256.Sum256(secret)}
	for _, a := range []struct {
		name string
		size int
	}{{"HS256", 32}, {"HS384", 48}, {"HS512", 64}} {
		if len(secret) >= a.size {
			k.algorithms = append(k.algorithms, a.name)
		}
	}
	if len(k.algorithms) == 0 {
		return key{}, errors.New("the secret has fewer than 32 bytes")
	}
	return k, nil
}

// pemKeys reads the keys of a text in PEM, or of the file at that path.
func pemKeys(text string, read func(string) ([]byte, error)) ([]key, error) {
	content := []byte(text)
	if !isPEM(text) {
		var err error
		if content, err = read(text); err != nil {
			return nil, errors.New(strconv.Quote(text) + " can't be read: " + conf.FileTrouble(err))
		}
	}
	if err := conf.WholePEM(content); err != nil {
		return nil, err
	}
	var keys []key
	for b, rest := pem.Decode(content); b != nil; b, rest = pem.Decode(rest) {
		material, err := publicKey(b)
		if err != nil {
			return nil, err
		}
		k, err := newKey(material)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key in PEM")
	}
	return keys, nil
}

func publicKey(b *pem.Block) (crypto.PublicKey, error) {
	switch b.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(b.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(b.Bytes)
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	}
	return nil, fmt.Errorf("%q is no public key", b.Type)
}

// mostTried bounds the signatures that one token may cost.
const mostTried = 4

// candidates appends the keys that a token with that kid and algorithm may be signed by: those of that name, or, if the
// token or the key has none, those without. named reports whether a key has the name, whatever its algorithm.
func (s *keySet) candidates(dst []*key, id string, a string) (keys []*key, named bool) {
	for i := range s.keys {
		k := &s.keys[i]
		named = named || id != "" && k.id == id
		if (id == "" || k.id == id) && slices.Contains(k.algorithms, a) && len(dst) < mostTried {
			dst = append(dst, k)
		}
	}
	if named || id == "" {
		return dst, named
	}
	for i := range s.keys {
		k := &s.keys[i]
		if k.id == "" && slices.Contains(k.algorithms, a) && len(dst) < mostTried {
			dst = append(dst, k)
		}
	}
	return dst, named
}

// has reports whether a key is still among the set's.
func (s *keySet) has(sum *[sha256.Size]byte) bool {
	return slices.ContainsFunc(s.keys, func(k key) bool { return k.sum == *sum })
}

func asymmetric() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// methodOf returns how signatures by an algorithm are verified; nil if there is none of the name. PSS has a salt as long
// as its hash (RFC 7518 §3.5), where the library takes any.
func methodOf(algorithm string) signatures.SigningMethod {
	m := signatures.GetSigningMethod(algorithm)
	if pss, is := m.(*signatures.SigningMethodRSAPSS); is {
		return &signatures.SigningMethodRSAPSS{SigningMethodRSA: pss.SigningMethodRSA, Options: pss.Options}
	}
	return m
}

func symmetric() []string { return []string{"HS256", "HS384", "HS512"} }
