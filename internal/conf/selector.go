package conf

import (
	"strconv"
	"strings"
)

// Selector names a part of a request in a config: "client", "host", "header:X-User". Balancers hash
// it (hash_on); splits, limits and caches are keyed by it. It is comparable and may be a map key.
// The zero Selector is none.
// It is a struct because go-toml never calls UnmarshalText on a type of string kind.
type Selector struct {
	part Part
	name string
}

// Part is what a [Selector] selects from.
type Part uint8

// The parts. Those from PartHeader on have a name: which header, which cookie.
const (
	PartNone     Part = iota
	PartClient        // the client's IP address
	PartConsumer      // whom an identity policy found the client to be
	PartHost          // the authority, in lower case
	PartPath          // the path, without the query
	PartMethod        // the method
	PartRoute         // the name of the route
	PartHeader        // the values of a header
	PartCookie        // the value of a cookie
	PartQuery         // the value of a parameter in the query
	PartClaim         // a claim of the client's token
)

var partNames = [...]string{"", "client", "consumer", "host", "path", "method", "route", "header", "cookie", "query", "claim"}

// String returns the word that an operator writes, without a name behind it.
func (p Part) String() string {
	if int(p) < len(partNames) {
		return partNames[p]
	}
	return "part(" + strconv.Itoa(int(p)) + ")"
}

func (p Part) named() bool { return p >= PartHeader }

// Part returns what the selector selects from; [PartNone] for the zero Selector.
func (s Selector) Part() Part { return s.part }

// Name returns which header, cookie, parameter or claim; "" for parts that have no name.
func (s Selector) Name() string { return s.name }

// IsZero reports whether nothing is selected.
func (s Selector) IsZero() bool { return s.part == PartNone }

// String returns the text that an operator would write.
func (s Selector) String() string {
	if s.part.named() {
		return s.part.String() + ":" + s.name
	}
	return s.part.String()
}

// MarshalText writes the value as an operator would.
func (s Selector) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Wants implements [Value].
func (Selector) Wants() (noun, hint string) {
	return "a selector", `write "client", "consumer", "host", "path", "method" or "route", or a name behind its kind, such as "header:X-User", "cookie:uid", "query:id" or "claim:sub"`
}

// UnmarshalText reads a word, or for header, cookie, query and claim a word, a colon and a name.
// Names of headers and cookies are tokens (RFC 9110 §5.6.2, RFC 6265 §4.1.1).
func (s *Selector) UnmarshalText(b []byte) error {
	word, name, colon := strings.Cut(string(b), ":")
	part := partOf(word)
	switch {
	case part == PartNone:
		return s.unknown(b, word, name, colon)
	case colon && !part.named():
		return badBecause(s, b, word+" has no name behind it", "write "+strconv.Quote(word))
	case !part.named():
	case name == "":
		return badBecause(s, b, "the name of the "+word+" is missing", "write it behind a colon, such as "+strconv.Quote(examples[part]))
	case (part == PartHeader || part == PartCookie) && !token(name):
		return badBecause(s, b, strconv.Quote(name)+" can't be the name of a "+word, "")
	case !printable(name):
		return badBecause(s, b, "the name of the "+word+" holds a control character", "")
	}
	*s = Selector{part: part, name: name}
	return nil
}

var examples = map[Part]string{
	PartHeader: "header:X-User", PartCookie: "cookie:uid", PartQuery: "query:id", PartClaim: "claim:sub",
}

func partOf(word string) Part {
	for i, name := range partNames[1:] {
		if name == word {
			return Part(i + 1)
		}
	}
	return PartNone
}

// unknown explains a text whose word is none of ours.
func (s *Selector) unknown(text []byte, word, name string, colon bool) error {
	near := Nearest(word, partNames[1:])
	if near == "" {
		return bad(s, text)
	}
	meant := near
	if part := partOf(near); part.named() {
		if meant = examples[part]; name != "" {
			meant = near + ":" + name
		}
	}
	noun, hint := s.Wants()
	return &BadValue{
		Text: strconv.Quote(string(text)) + " is not " + noun,
		Hint: "did you mean " + strconv.Quote(meant) + "? " + hint,
	}
}

// token reports whether s is a token (RFC 9110 §5.6.2).
func token(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Selectors are what is selected together: in a config one selector, or a list of them.
type Selectors []Selector

// String lists the selectors as an operator would: "client", or `"host", "path"`.
func (l Selectors) String() string {
	if len(l) == 1 {
		return l[0].String()
	}
	texts := make([]string, len(l))
	for i, s := range l {
		texts[i] = strconv.Quote(s.String())
	}
	return strings.Join(texts, ", ")
}

// OfSession reports whether every part is known of a connection that carries no requests: its
// client alone.
func (l Selectors) OfSession() bool {
	for _, s := range l {
		if s.part != PartClient {
			return false
		}
	}
	return true
}

// Check notes what is wrong with the list at key: a selector that is there twice, and one that
// needs to know who the client is, which no policy finds out yet.
func (l Selectors) Check(p *Problems, key string) {
	seen := make(map[Selector]bool, len(l))
	for i, s := range l {
		at := p.Index(key, i)
		if len(l) == 1 {
			at = p.In(key)
		}
		switch {
		case s.part == PartConsumer || s.part == PartClaim:
			at.Add("", strconv.Quote(s.String())+" needs a policy that finds out who the client is; there is none yet",
				`take "client", or a header or cookie that tells users apart`)
		case seen[s]:
			at.Add("", strconv.Quote(s.String())+" is written twice", "leave one of them out")
		}
		seen[s] = true
	}
}
