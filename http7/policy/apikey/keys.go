package apikey

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/tomlfile"
)

// File is what a file of keys holds.
type File struct {
	// Keys are the keys, each once. Default: none, every key is refused.
	Keys []Key `toml:"keys"`
}

// Key is one key of a file: never the key itself.
type Key struct {
	// Hash is "sha256:" and the 64 hexadecimal digits of the key's SHA-256. Required.
	Hash string `toml:"hash"`
	// Consumer is whose key it is: the name that limits, logs and conditions know. Several keys may be one consumer's.
	// Required.
	Consumer string `toml:"consumer"`
	// Groups are those that the consumer is in, for authorise. Default: none.
	Groups []string `toml:"groups"`
	// Scopes are what the key may be used for, for authorise. Default: none.
	Scopes []string `toml:"scopes"`
	// Expires is the first moment at which the key is not taken any more: "2027-01-31T12:00:00Z", or a day, at whose
	// beginning in UTC it ends. Default: never.
	Expires string `toml:"expires"`
	// Limits are what the consumer has agreed to, in place of what a rate_limit with own_limits says. Default: none.
	Limits Limits `toml:"limits"`
	// Claims are further facts of the consumer, such as { plan = "gold" }, for conditions, limits and forward.
	// Default: none.
	Claims map[string]string `toml:"claims"`
}

// Limits are a consumer's own. Others read them as the claims "rate" and "burst".
type Limits struct {
	// Rate is how many requests are let through on average, such as "100/s". Default: none of its own.
	Rate conf.Rate `toml:"rate"`
	// Burst is how many may come at once. Default: none of its own.
	Burst *int `toml:"burst"`
}

// IsZero reports whether there are none.
func (l Limits) IsZero() bool { return l == Limits{} }

// holder is whose a key is, as the hot path wants it. It never changes.
type holder struct {
	identity       http7.Identity
	claims         []http7.Claim
	groups, scopes []byte    // with a comma between any two
	expires        time.Time // zero: never
	late           error     // for the log, of a key that has expired
}

// ring are the keys of a file by their hash. Hashes are compared whole; that a lookup takes its time by what was hashed
// tells nobody anything of the keys. It never changes.
type ring map[[sha256.Size]byte]*holder

// scheme begins a hash.
const hashed = "sha256:"

// parse reads a file of keys strictly. Errors have line and column, and no key and no hash in them.
func parse(name string, text []byte) (ring, error) {
	r := &tomlfile.Report{}
	root := tomlfile.Parse(tomlfile.NewFile(name, text, 0), r)
	if r.Unreadable() {
		return nil, firstProblem(r)
	}
	var f File
	none := tomlfile.Sources{Lookup: func(string) (string, bool) { return "", false }, Read: conf.ReadFile}
	tomlfile.Decode(root, &f, none, r)
	if r.Failed() {
		return nil, firstProblem(r)
	}
	p := conf.NewProblems()
	keys := make(ring, len(f.Keys))
	lines := make(map[[sha256.Size]byte]int, len(f.Keys))
	for i := range f.Keys {
		at := p.Index("keys", i)
		sum, h := f.Keys[i].compile(at)
		if first, twice := lines[sum]; twice && h != nil {
			at.Add("hash", "it is the key of keys["+strconv.Itoa(first)+"] too", "a key has one table")
		}
		lines[sum], keys[sum] = i, h
	}
	r.Place(root, p.List())
	if r.Failed() {
		return nil, firstProblem(r)
	}
	return keys, nil
}

// compile checks k and returns its hash and holder; nil if there are problems.
func (k *Key) compile(p *conf.Problems) (sum [sha256.Size]byte, h *holder) {
	digits, ok := strings.CutPrefix(k.Hash, hashed)
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != sha256.Size {
		p.Add("hash", "it is not the hash of a key", `write "sha256:" and 64 hexadecimal digits; weir key new prints them`)
		return sum, nil
	}
	copy(sum[:], raw)
	h = &holder{
		identity: http7.Identity{Scheme: "api_key", Consumer: k.Consumer, Groups: k.Groups, Scopes: k.Scopes},
		groups:   []byte(strings.Join(k.Groups, ",")), scopes: []byte(strings.Join(k.Scopes, " ")),
	}
	switch {
	case k.Consumer == "":
		p.Add("consumer", "it is not said whose key it is", "write the consumer's name")
	case !http7.IsFieldValue([]byte(k.Consumer)):
		p.Add("consumer", "the name can't stand in a header or a log", "write it without control characters, and without blanks at its ends")
	}
	checkWords(p, "groups", k.Groups)
	checkWords(p, "scopes", k.Scopes)
	if h.expires, err = Expiry(k.Expires); err != nil {
		p.AddError("expires", err)
	}
	h.late = fmt.Errorf("the key of %s has expired at %s", k.Consumer, h.expires.Format(time.RFC3339))
	h.claims = k.claims(p)
	return sum, h
}

// checkWords checks names that are told in lists: with a comma or a blank in one it would be two.
func checkWords(p *conf.Problems, key string, words []string) {
	for i, w := range words {
		if w == "" || strings.ContainsFunc(w, func(r rune) bool { return r <= ' ' || r == ',' || r == 0x7f }) {
			p.Index(key, i).Add("", strconv.Quote(w)+" can't be told in a list", "write a name without blanks, commas and control characters")
		}
	}
}

// claims returns k's claims, its limits among them.
func (k *Key) claims(p *conf.Problems) (claims []http7.Claim) {
	add := func(name, value string) { claims = append(claims, http7.Claim{Name: name, Value: []byte(value)}) }
	if r := k.Limits.Rate; !r.IsZero() {
		add("rate", r.String())
	}
	if b := k.Limits.Burst; b != nil {
		if *b < 1 {
			p.In("limits").Add("burst", strconv.Itoa(*b)+" is no number of requests", "write a whole number from 1 on")
		}
		add("burst", strconv.Itoa(*b))
	}
	for _, name := range slices.Sorted(maps.Keys(k.Claims)) {
		value := k.Claims[name]
		switch {
		case name == "rate" || name == "burst":
			p.In("claims").AddKey(name, "it is a limit", "write it in limits")
		case !http7.IsFieldValue([]byte(value)):
			p.In("claims").Add(name, "the value can't stand in a header", "write it without control characters, and without blanks at its ends")
		}
		add(name, value)
	}
	return claims
}

// Expiry reads what a [Key] says in Expires: a moment as RFC 3339 writes it, or a day. "" is the zero time.
func Expiry(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, &conf.BadValue{Text: strconv.Quote(text) + " is not a moment", Hint: `write "2027-01-31" or "2027-01-31T12:00:00Z"`}
	}
	return t.UTC(), nil
}

// firstProblem returns the first problem of a report with its place, and says how many there are.
func firstProblem(r *tomlfile.Report) error {
	var first error
	n := 0
	for _, f := range r.Findings() {
		if f.Warning {
			continue
		}
		if n++; n > 1 {
			continue
		}
		text := f.Text
		if f.Key != "" {
			text = f.Key + ": " + text
		}
		line, column := f.At.Position()
		first = fmt.Errorf("line %d, column %d: %s", line, column, text)
	}
	switch {
	case first == nil:
		return errors.New("it can't be read")
	case n > 1:
		return fmt.Errorf("%w (the first of %d problems)", first, n)
	}
	return first
}
