package jwt

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	signatures "github.com/golang-jwt/jwt/v5"

	"weir/http7"
	"weir/http7/credential"
)

// bearer is what a good token says. Apart from set it never changes.
type bearer struct {
	consumer       string
	groups, scopes []string
	claims         []http7.Claim
	told           credential.Told
	from, until    time.Time
	key            [sha256.Size]byte
	// bound is the SHA-256 of the certificate that the token belongs to (RFC 8705 §3.1); nil for most.
	bound []byte
	// set is the last set of keys that key was found in.
	set atomic.Pointer[keySet]
}

// failure is why a token is refused: what the client is told, and the reason for the log.
type failure struct {
	fault *http7.Fault
	err   error
}

// errAsk says that the keys at hand don't decide.
var errAsk = errors.New("no such key at hand")

// verify judges a token by a set of keys, which may be nil. It asks nobody: a failure whose reason is errAsk may pass
// with newer keys.
func (p *checker) verify(token []byte, set *keySet, now time.Time) (*bearer, *failure) {
	if len(token) > p.maxToken {
		return nil, &failure{p.faults.tooLarge, nil}
	}
	if !compact(token) {
		return nil, &failure{p.faults.malformed, nil}
	}
	signed, signature := cutLast(token)
	first, second, _ := bytes.Cut(signed, dot)
	head, f := p.readHead(first)
	if f != nil {
		return nil, f
	}
	if set == nil {
		return nil, &failure{p.faults.unavailable, errAsk}
	}
	by, f := p.signer(head, string(signed), decode(signature), set)
	if f != nil {
		return nil, f
	}
	v := &bearer{key: by.sum}
	v.set.Store(set)
	if f := p.judgeClaims(v, decode(second), now); f != nil {
		return nil, f
	}
	return v, nil
}

// compact reports whether a token has the form of a JWS (RFC 7515 §7.1): three parts in base64url, each in the one
// spelling of its bytes. What a decoder would pass over, such as line ends, makes it none.
func compact(token []byte) bool {
	for n := 1; ; n++ {
		part, rest, more := bytes.Cut(token, dot)
		if len(part) == 0 || len(part)%4 == 1 || n > 3 {
			return false
		}
		for _, c := range part {
			if sextet(c) > 63 {
				return false
			}
		}
		last := sextet(part[len(part)-1])
		if len(part)%4 == 2 && last&15 != 0 || len(part)%4 == 3 && last&3 != 0 {
			return false
		}
		if !more {
			return n == 3
		}
		token = rest
	}
}

var dot = []byte{'.'}

// sextet returns the value of a letter of base64url, 64 for any other byte.
func sextet(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A'
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26
	case '0' <= c && c <= '9':
		return c - '0' + 52
	case c == '-':
		return 62
	case c == '_':
		return 63
	}
	return 64
}

// cutLast parts a token's signature from what is signed.
func cutLast(token []byte) (signed, signature []byte) {
	i := bytes.LastIndexByte(token, '.')
	return token[:i], token[i+1:]
}

// decode reads what compact has found to be base64url.
func decode(part []byte) []byte {
	b, _ := base64.RawURLEncoding.AppendDecode(make([]byte, 0, len(part)), part)
	return b
}

// header is what a token says of its signature.
type header struct {
	method signatures.SigningMethod
	id     string
}

// readHead refuses a header whose algorithm is not pinned, that demands what is not known here, or that says that the
// token is of another kind or wraps another one, whose claims would be what counts (RFC 7519 §5.2). Keys that it brings along or names by URL are never looked at.
func (p *checker) readHead(part []byte) (h header, f *failure) {
	c, err := credential.ParseClaims(decode(part))
	if err != nil {
		return h, &failure{p.faults.malformed, err}
	}
	algorithm, _ := c.Text("alg")
	if h.method = p.methods[algorithm]; h.method == nil {
		return h, &failure{p.faults.algorithm, errors.New(strconv.Quote(algorithm[:min(len(algorithm), longestName)]) + " is not accepted")}
	}
	for _, name := range []string{"crit", "b64", "zip"} {
		if c.Member(name) {
			return h, &failure{p.faults.critical, errors.New(name + " is not understood")}
		}
	}
	var text bool
	if h.id, text = c.Text("kid"); c.Member("kid") && !text {
		return h, &failure{p.faults.malformed, errors.New("kid is no text")}
	}
	if typ, _ := c.Text("typ"); c.Member("typ") && !p.accepts(typ) {
		return h, &failure{p.faults.kind, nil}
	}
	if cty, text := c.Text("cty"); c.Member("cty") && (!text || strings.TrimPrefix(strings.ToLower(cty), mediaType) == "jwt") {
		return h, &failure{p.faults.kind, errors.New("the token is nested")}
	}
	return h, nil
}

// longestName is how much of an algorithm's name is told: lines of the log are not the client's to make long.
const longestName = 16

// accepts reports whether a token may be of that type.
func (p *checker) accepts(typ string) bool {
	if len(typ) > len(mediaType) && strings.EqualFold(typ[:len(mediaType)], mediaType) {
		typ = typ[len(mediaType):]
	}
	return slices.ContainsFunc(p.types, func(t string) bool { return strings.EqualFold(t, typ) })
}

const mediaType = "application/"

// signer returns the key that a token is signed by.
func (p *checker) signer(h header, signed string, signature []byte, set *keySet) (*key, *failure) {
	var room [mostTried]*key
	keys, named := set.candidates(room[:0], h.id, h.method.Alg())
	for _, k := range keys {
		if h.method.Verify(signed, signature, k.material) == nil {
			return k, nil
		}
	}
	switch {
	case named && len(keys) == 0:
		return nil, &failure{p.faults.algorithm, errors.New("the key is for another algorithm")}
	case named:
		return nil, &failure{p.faults.signature, nil}
	case len(keys) > 0: // none of them was named
		return nil, &failure{p.faults.signature, errAsk}
	}
	return nil, &failure{p.faults.unknownKey, errAsk}
}

// judgeClaims fills v with what a payload says, if it may be believed now.
func (p *checker) judgeClaims(v *bearer, payload []byte, now time.Time) *failure {
	c, err := credential.ParseClaims(payload)
	if err != nil {
		return &failure{p.faults.claims, err}
	}
	if f := p.judgeTimes(v, c, now); f != nil {
		return f
	}
	if issuer, is := c.Text("iss"); p.issuer != "" && (!is || issuer != p.issuer) {
		return &failure{p.faults.issuer, nil}
	}
	if p.audience != nil && !slices.ContainsFunc(c.Texts("aud"), func(a string) bool { return slices.Contains(p.audience, a) }) {
		return &failure{p.faults.audience, nil}
	}
	if f := p.judgeBinding(v, c); f != nil {
		return f
	}
	consumer, is := c.Text(p.consumer)
	if !is || consumer == "" {
		return &failure{p.faults.claims, errors.New("the claim that names the consumer is absent, empty or no text")}
	}
	v.consumer = consumer
	if v.told, err = p.forward.Tell(c); err != nil {
		return &failure{p.faults.claims, err}
	}
	v.claims, v.groups, v.scopes = c.All, c.Texts(p.groups), scopes(c)
	return nil
}

func (p *checker) judgeTimes(v *bearer, c *credential.Claims, now time.Time) *failure {
	expires, err := c.Time("exp")
	if err != nil {
		return &failure{p.faults.claims, err}
	}
	if v.from, err = c.Time("nbf"); err != nil {
		return &failure{p.faults.claims, err}
	}
	if !v.from.IsZero() {
		v.from = v.from.Add(-p.leeway)
	}
	switch {
	case expires.IsZero() && !p.noExpiry:
		return &failure{p.faults.claims, errors.New("exp is absent")}
	case expires.IsZero():
		v.until = now.Add(time.Hour) // to be looked at again
	default:
		v.until = expires.Add(p.leeway)
	}
	switch {
	case !now.Before(v.until):
		return &failure{p.faults.expired, nil}
	case now.Before(v.from):
		return &failure{p.faults.early, nil}
	}
	return nil
}

// judgeBinding notes the certificate that a token belongs to. A token that belongs to a key in another way is no bearer
// token, and nobody here can tell who may show it.
func (p *checker) judgeBinding(v *bearer, c *credential.Claims) *failure {
	if sum, is := c.Text("cnf.x5t#S256"); is {
		bound, err := base64.RawURLEncoding.Strict().DecodeString(sum)
		if err != nil || len(bound) != sha256.Size {
			return &failure{p.faults.claims, errors.New("cnf.x5t#S256 is no hash")}
		}
		v.bound = bound
		return nil
	}
	for i := range c.All {
		if name := c.All[i].Name; name == "cnf" || strings.HasPrefix(name, "cnf.") {
			return &failure{p.faults.bound, errors.New(name + " is not understood")}
		}
	}
	return nil
}

// scopes are those of scope, parted by blanks (RFC 8693 §4.2), and of scp, which may be a list.
func scopes(c *credential.Claims) (all []string) {
	for _, name := range []string{"scope", "scp"} {
		for _, text := range c.Texts(name) {
			all = append(all, strings.Fields(text)...)
		}
	}
	return all
}

// size is how many bytes v takes in memory, roughly.
func (v *bearer) size() int {
	n := 512
	for i := range v.claims {
		n += 64 + len(v.claims[i].Name) + len(v.claims[i].Value)
	}
	for _, list := range [][]string{v.groups, v.scopes} {
		for _, s := range list {
			n += 16 + len(s)
		}
	}
	for _, t := range v.told {
		n += 24 + len(t)
	}
	return n
}
