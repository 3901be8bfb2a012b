// Package credential is what policies have in common that identify by a token: where a request carries it, what a
// document of claims says, and how endpoints are told.
//
// The policies below http7/policy call it. It verifies nothing and knows none of them.
package credential

import (
	"bytes"
	"fmt"
	"strconv"

	"weir/http7"
	"weir/internal/conf"
)

// Place is where requests carry a token: one field, one cookie or one parameter of the query. It never changes.
type Place struct {
	header http7.Name
	scheme bool // the token stands behind "Bearer", and other schemes are other credentials
	cookie string
	query  string
}

// At names a place as a config does: of the three, those that are not empty.
type At struct{ Header, Cookie, Query string }

// New compiles a place. In the field Authorization a token stands behind the word Bearer (RFC 6750 §2.1); in any other it
// stands alone, or behind that word.
func New(at At) (*Place, error) {
	p := &Place{cookie: at.Cookie, query: at.Query}
	if at.Header != "" {
		name, ok := http7.NewName(at.Header)
		if !ok {
			return nil, fmt.Errorf("%q is not a field name", at.Header)
		}
		p.header, p.scheme = name, name.ID() == http7.Authorization
	}
	return p, nil
}

// Hides returns the parameters of the query in which tokens may stand, asked for or not: clients that know no better write
// them where RFC 6750 §2.3 says.
func (at At) Hides() []string {
	if at.Query == "" || at.Query == ofRFC6750 {
		return []string{ofRFC6750}
	}
	return []string{at.Query, ofRFC6750}
}

const ofRFC6750 = "access_token"

// Check notes what is wrong with a place whose keys are "header", "cookie" and "query".
func (at At) Check(p *conf.Problems) {
	if at == (At{}) {
		p.Add("header", "nothing says where the token stands", `write header = "Authorization"`)
	}
	if name, ok := http7.NewName(at.Header); at.Header != "" && !ok {
		p.Add("header", strconv.Quote(at.Header)+" is not a field name", "a name has letters, digits and hyphens")
	} else if name.ID() != http7.Unlisted && name.ID() != http7.Authorization && name.ID() != http7.ProxyAuthorization {
		p.Add("header", strconv.Quote(at.Header)+" has another meaning", `write "Authorization", or a field for tokens alone`)
	}
	if at.Cookie != "" && !http7.IsToken([]byte(at.Cookie)) {
		p.Add("cookie", strconv.Quote(at.Cookie)+" can't be the name of a cookie", "a name has letters, digits and hyphens")
	}
	if at.Query != "" {
		p.Warn("query", "tokens in a URL are kept by browsers, proxies and logs on the way", "take a header or a cookie if clients can send one (RFC 6750 §2.3)")
	}
}

// Find returns the token that x carries, and how many there are: of several nobody knows which one others will read, and
// the last is returned. It is a view, valid until the hall releases x. A token in the query is hidden from what x's log
// line says.
func (p *Place) Find(x *http7.Exchange) (token []byte, count int) {
	if p.header.String() != "" {
		token, count = p.inFields(&x.Request)
	}
	if p.cookie != "" {
		for c := http7.Cookies(&x.Request, p.cookie); c.Next(); count++ {
			token = c.Value()
		}
	}
	if p.query == "" {
		return token, count
	}
	before := count
	for c := http7.Parameters(x.Query, p.query); c.Next(); count++ {
		token = decoded(x, &c)
	}
	if count > before {
		p.hide(x)
	}
	return token, count
}

// inFields returns the token in the header's fields, and how many there are. Authorization has one value (RFC 9110 §11.6.2): of
// several, one of them a token, nobody knows which others would read, and each counts as one.
func (p *Place) inFields(h *http7.Header) (token []byte, count int) {
	fields := 0
	for i := h.Find(p.header, 0); i >= 0; i = h.Find(p.header, i+1) {
		fields++
		if t, is := p.cut(h.Value(i)); is {
			token, count = t, count+1
		}
	}
	if count > 0 {
		count = fields
	}
	return token, count
}

// decoded returns the value of a parameter: itself, unless something in it is escaped.
func decoded(x *http7.Exchange, c *http7.ParameterCursor) []byte {
	raw := c.Raw()
	if bytes.IndexByte(raw, '%') < 0 && bytes.IndexByte(raw, '+') < 0 {
		return raw
	}
	return c.Append(x.Room(len(raw)))
}

// cut returns the token in a field's value, and whether the value is meant as one: another scheme's is not.
func (p *Place) cut(value []byte) (token []byte, is bool) {
	n := len(bearer)
	if len(value) >= n && http7.EqualFold(value[:n], bearer) {
		if len(value) == n {
			return nil, true
		}
		// A tab is none of the blanks that may stand there (RFC 6750 §2.1), and readers that part words take it for one: what
		// stands behind it is meant as a token, and is none.
		if value[n] == ' ' || value[n] == '\t' {
			return bytes.TrimLeft(value[n:], " "), true
		}
	}
	return value, !p.scheme
}

const bearer = "Bearer"

// IsToken reports whether b is what may stand behind Bearer (RFC 6750 §2.1: b64token).
func IsToken(b []byte) bool {
	body := bytes.TrimRight(b, "=")
	for _, c := range body {
		if !letter(c) && c != '-' && c != '.' && c != '_' && c != '~' && c != '+' && c != '/' {
			return false
		}
	}
	return len(body) > 0
}

func letter(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}
