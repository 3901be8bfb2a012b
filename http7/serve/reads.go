package serve

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
	"sync"

	"weir/http7"
	"weir/internal/obs"
)

// Reads are what the conditions and policies of a listener read of requests: the `match` of its access log, from
// which plan decides again. They never change and are safe for concurrent use.
type Reads struct {
	of     []read
	hashes sync.Pool // of *hasher
}

// read is one selector made ready.
type read struct {
	selector string
	from     source
	name     string     // of a cookie or a claim
	field    http7.Name // of a header
	secret   bool
}

// source is where a read finds its values.
type source uint8

const (
	fromHeader source = iota
	fromCookie
	fromSNI
	fromCountry
	fromClaim // this one and those behind it are of the identity
	fromGroups
	fromScopes
)

// NewReads compiles selectors as conditions and steps name them: "header:x-tenant" with the name in lower case,
// "cookie:uid", "claim:plan", "groups", "scopes", "sni", "country". Others are passed over: they stand on every line, or, as bodies,
// on none. Values of secrets, and of the fields hidden, are logged as keyed hashes; key should be 32 bytes that nobody else
// knows. Of each selector 32 values are logged, and "hmac:more" for others behind them.
func NewReads(selectors []string, key []byte, hidden ...string) *Reads {
	r := &Reads{hashes: sync.Pool{New: func() any { return &hasher{mac: hmac.New(sha256.New, key)} }}}
	for _, s := range selectors {
		if one, ok := newRead(s); ok {
			one.secret = one.secret || one.from == fromHeader && slices.ContainsFunc(hidden, func(name string) bool { return strings.EqualFold(name, one.name) })
			r.of = append(r.of, one)
		}
	}
	return r
}

func newRead(s string) (r read, ok bool) {
	kind, name, _ := strings.Cut(s, ":")
	r = read{selector: s, name: name}
	switch kind {
	case "header":
		r.from, r.secret = fromHeader, http7.SecretName(name)
		r.field, ok = http7.NewName(name)
		return r, ok
	case "cookie":
		r.from, r.secret = fromCookie, true
	case "claim":
		r.from = fromClaim
	case "sni":
		r.from = fromSNI
	case "country":
		r.from = fromCountry
	case "groups":
		r.from = fromGroups
	case "scopes":
		r.from = fromScopes
	default:
		return r, false
	}
	return r, true
}

// note keeps what conditions see of x, as views that live as long as x. What an identity says is left to [Reads.record]: a
// policy of the route may establish one after the match.
func (r *Reads) note(dst []sight, x *exchange) []sight {
	for i := range r.of {
		if !r.of[i].ofIdentity() {
			dst = r.of[i].note(dst, x, i)
		}
	}
	return dst
}

func (r *read) ofIdentity() bool { return r.from >= fromClaim }

// sight is one value and the number of its read; more says that others followed that are not told.
type sight struct {
	read  int
	value []byte
	more  bool
}

// mostValues is how many values of one selector are logged: a client must not make lines long by repeating itself.
const mostValues = 32

// see notes one value of read i, whose first is at from. Beyond the most, one that only repeats the last changes no
// condition, and another is enough to say that there is more: no condition that compares holds then.
func see(dst []sight, from, i int, value []byte) (seen []sight, more bool) {
	switch {
	case len(dst)-from < mostValues:
		return append(dst, sight{read: i, value: value}), true
	case bytes.Equal(value, dst[len(dst)-1].value):
		return dst, true
	}
	return append(dst, sight{read: i, more: true}), false
}

func (r *read) note(dst []sight, x *exchange, i int) []sight {
	from, more := len(dst), true
	switch r.from {
	case fromHeader:
		for at := x.Request.Find(r.field, 0); at >= 0 && more; at = x.Request.Find(r.field, at+1) {
			dst, more = see(dst, from, i, x.Request.Value(at))
		}
	case fromCookie:
		for c := http7.Cookies(&x.Request, r.name); more && c.Next(); {
			dst, more = see(dst, from, i, c.Value())
		}
	case fromClaim:
		for j := 0; j < len(x.Claims) && more; j++ {
			if x.Claims[j].Name == r.name {
				dst, more = see(dst, from, i, x.Claims[j].Value)
			}
		}
	case fromGroups:
		dst = x.noteTexts(dst, i, x.Groups)
	case fromScopes:
		dst = x.noteTexts(dst, i, x.Scopes)
	case fromSNI:
		dst = x.noteText(dst, i, x.Conn.SNI)
	case fromCountry:
		dst = x.noteText(dst, i, x.Country)
	}
	return dst
}

func (x *exchange) noteTexts(dst []sight, i int, texts []string) []sight {
	from, more := len(dst), true
	for j := 0; j < len(texts) && more; j++ {
		dst, more = see(dst, from, i, append(x.Room(len(texts[j])), texts[j]...))
	}
	return dst
}

// noteText notes a text that is absent when empty.
func (x *exchange) noteText(dst []sight, i int, text string) []sight {
	if text == "" {
		return dst
	}
	return append(dst, sight{read: i, value: append(x.Room(len(text)), text...)})
}

// record turns what was noted into what is logged, in the order of the selectors, and adds what is known of the identity.
func (r *Reads) record(dst []obs.Matched, x *exchange) []obs.Matched {
	noted, at := len(x.sights), 0
	for i := range r.of {
		if r.of[i].ofIdentity() {
			x.sights = r.of[i].note(x.sights, x, i)
			dst = r.tell(dst, x, x.sights[noted:])
			x.sights = x.sights[:noted]
			continue
		}
		from := at
		for at < noted && x.sights[at].read == i {
			at++
		}
		dst = r.tell(dst, x, x.sights[from:at])
	}
	return dst
}

// tell adds what is logged of some sights.
func (r *Reads) tell(dst []obs.Matched, x *exchange, seen []sight) []obs.Matched {
	for _, n := range seen {
		one := &r.of[n.read]
		value := n.value
		switch {
		case n.more:
			value = moreValues
		case one.secret:
			value = r.hide(x.Room(hidden), value)
		}
		dst = append(dst, obs.Matched{Selector: one.selector, Value: value})
	}
	return dst
}

// moreValues stands for the values behind the most: a hash that no text has.
var moreValues = []byte(hashTag + "more")

// A hidden value is hashTag and so many bytes of HMAC-SHA-256 in hexadecimal digits: equal values are seen to be
// equal, and without the key nobody can try out which they are.
const (
	hashTag   = "hmac:"
	hashBytes = 16
	hidden    = len(hashTag) + 2*hashBytes
)

type hasher struct {
	mac hash.Hash
	sum [sha256.Size]byte
}

// hide appends the keyed hash of a secret value.
func (r *Reads) hide(dst, value []byte) []byte {
	h := r.hashes.Get().(*hasher)
	defer r.hashes.Put(h)
	h.mac.Reset()
	_, _ = h.mac.Write(value) // never fails
	return hex.AppendEncode(append(dst, hashTag...), h.mac.Sum(h.sum[:0])[:hashBytes])
}
