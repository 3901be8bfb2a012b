package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"weir/http7"
	"weir/internal/plain"
)

const (
	maxDepth  = 8
	maxValues = 512
)

// Claims are what a document says of whoever a token stands for, made flat: a list stands there once for each element, and
// the members of an object by path, "realm_access.roles". null is nothing. They never change.
type Claims struct {
	All     []http7.Claim
	kinds   []kind   // of All
	members []string // of the document itself
}

type kind uint8

const (
	text kind = iota
	number
	boolean
	listed kind = 0x80 // it is an element of a list
)

// The reasons of documents that are refused.
var (
	ErrNotAnObject = errors.New("the claims are not a JSON object")
	ErrTwice       = errors.New("a claim is there twice")
	ErrTooDeep     = fmt.Errorf("the claims are nested deeper than %d", maxDepth)
	ErrTooMany     = fmt.Errorf("there are more than %d claims", maxValues)
)

// ParseClaims reads a JSON object strictly: one document, valid UTF-8 without halves of characters, by which two users would
// have one name, no member twice (RFC 7519 §4), at most 8 deep, at most 512 values. The claims are views of a copy.
func ParseClaims(doc []byte) (*Claims, error) {
	if !utf8.Valid(doc) || !json.Valid(doc) || plain.Halved(doc) {
		return nil, ErrNotAnObject
	}
	p := claimParser{text: string(doc), doc: bytes.Clone(doc)}
	p.out.All, p.out.kinds = make([]http7.Claim, 0, usual), make([]kind, 0, usual)
	if p.skip() != '{' {
		return nil, ErrNotAnObject
	}
	if err := p.object("", 1); err != nil {
		return nil, err
	}
	return &p.out, nil
}

// usual is how many values most documents have at most.
const usual = 16

// claimParser splits a document that is known to be valid JSON: whether it is, and what an escape means, is encoding/json's
// matter.
type claimParser struct {
	text string // the document
	doc  []byte // the same
	at   int
	out  Claims
}

// skip goes over blanks and returns the byte behind them.
func (p *claimParser) skip() byte {
	for p.doc[p.at] == ' ' || p.doc[p.at] == '\t' || p.doc[p.at] == '\n' || p.doc[p.at] == '\r' {
		p.at++
	}
	return p.doc[p.at]
}

// object reads the members of the object at p.
func (p *claimParser) object(path string, depth int) error {
	seen := make([]string, 0, usual)
	for p.at++; p.skip() != '}'; {
		if p.doc[p.at] == ',' {
			p.at++
			p.skip()
		}
		name, _ := p.string()
		if slices.Contains(seen, name) {
			return ErrTwice
		}
		if seen = append(seen, name); len(seen) > maxValues {
			return ErrTooMany
		}
		p.skip()
		p.at++ // the colon
		if path != "" {
			name = path + name
		}
		if err := p.value(name, 0, depth); err != nil {
			return err
		}
	}
	p.at++
	if depth == 1 {
		p.out.members = seen
	}
	return nil
}

// value reads what follows; in says whether it stands in a list.
func (p *claimParser) value(name string, in kind, depth int) error {
	switch c := p.skip(); {
	case c == '"':
		_, value := p.string()
		return p.add(name, value, text|in)
	case (c == '{' || c == '[') && depth == maxDepth:
		return ErrTooDeep
	case c == '{':
		return p.object(name+".", depth+1)
	case c == '[':
		return p.list(name, depth+1)
	case c == 'n':
		p.word()
		return nil
	case c == 't' || c == 'f':
		return p.add(name, p.word(), boolean|in)
	}
	return p.add(name, p.word(), number|in)
}

func (p *claimParser) list(name string, depth int) error {
	for p.at++; p.skip() != ']'; {
		if p.doc[p.at] == ',' {
			p.at++
		}
		if err := p.value(name, listed, depth); err != nil {
			return err
		}
	}
	p.at++
	return nil
}

// word reads a number or a literal.
func (p *claimParser) word() []byte {
	from := p.at
	for p.at < len(p.doc) && bytes.IndexByte(ends, p.doc[p.at]) < 0 {
		p.at++
	}
	return p.doc[from:p.at:p.at]
}

var ends = []byte(",]} \t\r\n")

// string reads a string, in both forms.
func (p *claimParser) string() (string, []byte) {
	from, escaped := p.at+1, false
	for p.at++; p.doc[p.at] != '"'; p.at++ {
		if p.doc[p.at] == '\\' {
			escaped = true
			p.at++
		}
	}
	p.at++
	if !escaped {
		return p.text[from : p.at-1], p.doc[from : p.at-1 : p.at-1]
	}
	var meant string
	_ = json.Unmarshal(p.doc[from-1:p.at], &meant) // it is valid
	return meant, []byte(meant)
}

func (p *claimParser) add(name string, value []byte, k kind) error {
	if len(p.out.All) == maxValues {
		return ErrTooMany
	}
	p.out.All = append(p.out.All, http7.Claim{Name: name, Value: value})
	p.out.kinds = append(p.out.kinds, k)
	return nil
}

// Text returns the one string that is the claim; "" and false if it is absent, no string, or a list.
func (c *Claims) Text(name string) (value string, ok bool) {
	for i := range c.All {
		if c.All[i].Name == name {
			if c.kinds[i] != text {
				break
			}
			return string(c.All[i].Value), true
		}
	}
	return "", false
}

// Has reports whether the claim is there with any value.
func (c *Claims) Has(name string) bool {
	return slices.ContainsFunc(c.All, func(a http7.Claim) bool { return a.Name == name })
}

// Member reports whether the document itself has a member of that name, whatever its value: null and an empty list too.
func (c *Claims) Member(name string) bool { return slices.Contains(c.members, name) }

// True reports whether the claim is there, and is true.
func (c *Claims) True(name string) bool {
	for i := range c.All {
		if c.All[i].Name == name {
			return c.kinds[i] == boolean && string(c.All[i].Value) == "true"
		}
	}
	return false
}

// Texts returns the strings of the claim: of a list each, of a string itself. Values of other kinds are passed over.
func (c *Claims) Texts(name string) (values []string) {
	for i := range c.All {
		if c.All[i].Name == name && c.kinds[i]&^listed == text {
			values = append(values, string(c.All[i].Value))
		}
	}
	return values
}

// ErrNotATime is a claim that should be a NumericDate and is none.
var ErrNotATime = errors.New("a time is not a number of seconds")

// Time returns a claim that is a NumericDate (RFC 7519 §2): seconds since 1970, which may have a fraction. Without it the
// time is zero.
func (c *Claims) Time(name string) (time.Time, error) {
	for i := range c.All {
		if c.All[i].Name != name {
			continue
		}
		seconds, err := strconv.ParseFloat(string(c.All[i].Value), 64)
		if c.kinds[i] != number || err != nil || seconds < 0 {
			return time.Time{}, ErrNotATime
		}
		const farthest = 1 << 33 // the year 2242
		return time.UnixMilli(int64(min(seconds, farthest) * 1000)), nil
	}
	return time.Time{}, nil
}

// Size returns how many bytes the claims take in memory, roughly.
func (c *Claims) Size() int {
	size := 0
	for i := range c.All {
		size += 64 + len(c.All[i].Name) + len(c.All[i].Value)
	}
	return size
}
