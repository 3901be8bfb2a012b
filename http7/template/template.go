// Package template makes text of an exchange: "{client}", "{path.id}", "{header.X-Tenant}" in a text
// that an operator wrote become what they are of this request.
//
// Policies and actions compile their texts with it; it decides nothing. A [Template] makes the value of
// a field, a [URL] makes an address or the target of a request. Values are the client's: in a field they
// hold no control byte, in a URL they are escaped for the place where they stand, and can't leave it.
package template

import (
	"slices"

	"weir/http7"
)

// Template is a compiled text for a field value. It never changes and is safe for concurrent use.
type Template struct {
	parts parts
	reads []string
}

// Compile reads text. names are the captures that are known where the template is used; without any,
// every {path.NAME} and {rest} passes (an empty slice that is not nil knows none). Errors are
// [*conf.BadValue] with a hint.
//
//	{client}       the client's address, as trusted proxies say      {host}      in lower case, without a port
//	{method}       as received                                       {path}      in its canonical form
//	{query}        as received, without "?"                          {rest}      what "/*" of the route left, without its first slash
//	{scheme}       http or https                                     {listener}  the listener's name
//	{route}        the route's name                                  {consumer}  who was identified
//	{request_id}   of request_id                                     {path.id}   what {id} of the route's path took
//	{header.X-A}   the first field of that name                      {cookie.a}  the first cookie
//	{query.a}      the first parameter, decoded                      {jwt.sub}   a claim; {claim.sub} is the same
//	{tls.sni}      the server name of the TLS hello                  {tls.version}  "1.2" or "1.3"
//	{tls.cipher}   "TLS_AES_128_GCM_SHA256", as IANA names it
//	{tls.client.subject}      of the client's certificate, once it is verified: "CN=app,O=Example"
//	{tls.client.cn}           the common name in it
//	{tls.client.san}          its other names: "DNS:app.example.com,URI:spiffe://example.com/app"
//	{tls.client.fingerprint}  the SHA-256 of all of it, 64 hexadecimal digits in lower case
//
// Values of the path are parts of its canonical form, with their escapes. What is absent is empty. "{{" is a brace, and so is a "{" before anything but a letter.
func Compile(text string, names ...string) (*Template, error) {
	p, err := parse(text, options{captures: names})
	if err != nil {
		return nil, err
	}
	return &Template{parts: p, reads: p.reads()}, nil
}

// Constant reports whether the text has no variable.
func (t *Template) Constant() bool { return t.parts.constant() }

// Reads returns the selectors of the variables that not every line of the access log has:
// "header:x-a", "cookie:a", "claim:sub", "sni", "tls.client.cn", in their order, each once.
func (t *Template) Reads() []string { return t.reads }

// Append appends the text made of x: a field value, without control bytes (a blank stands for each) and
// without blanks at its ends. It allocates nothing if dst has the room.
func (t *Template) Append(dst []byte, x *http7.Exchange) []byte {
	at := len(dst)
	for i := range t.parts {
		p := &t.parts[i]
		if p.of == literal {
			dst = append(dst, p.text...)
			continue
		}
		from := len(dst)
		dst = p.value(dst, x, Match{})
		disarm(dst[from:])
	}
	return trim(dst, at)
}

// disarm puts a blank in the place of each byte that can't stand in a field value (RFC 9110 §5.5).
func disarm(b []byte) {
	for i, c := range b {
		if c < ' ' || c == 0x7f {
			b[i] = ' '
		}
	}
}

// trim drops blanks at both ends of dst[at:].
func trim(dst []byte, at int) []byte {
	n := len(dst)
	for n > at && dst[n-1] == ' ' {
		n--
	}
	first := at
	for first < n && dst[first] == ' ' {
		first++
	}
	return append(dst[:at], dst[first:n]...)
}

// parts are a text in pieces.
type parts []part

func (p parts) constant() bool {
	return !slices.ContainsFunc(p, func(p part) bool { return p.of != literal })
}

// reads returns what the parts read besides what every line of the log has.
func (p parts) reads() (list []string) {
	for i := range p {
		if s := p[i].selector(); s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}
