package template

import (
	"bytes"
	"strings"

	"weir/http7"
)

// source is where the text of a part comes from.
type source uint8

const (
	literal source = iota
	client
	host
	method
	path
	query
	rest
	scheme
	listener
	route
	requestID
	consumer
	sni
	version     // of TLS
	cipher      //
	subject     // of the client's certificate
	commonName  //
	altNames    //
	fingerprint //
	capture     // from here on with a name
	field       // "header"
	cookie      //
	parameter   // "query"
	claim       // "jwt" too
	group       // of a regular expression
)

// plainNames are the variables without a name of their own.
var plainNames = [...]string{client: "client", host: "host", method: "method", path: "path", query: "query", rest: "rest",
	scheme: "scheme", listener: "listener", route: "route", requestID: "request_id", consumer: "consumer", sni: "tls.sni",
	version: "tls.version", cipher: "tls.cipher", subject: "tls.client.subject", commonName: "tls.client.cn",
	altNames: "tls.client.san", fingerprint: "tls.client.fingerprint"}

// kinds are the words before the dot of the variables with a name.
var kinds = map[string]source{"path": capture, "header": field, "cookie": cookie, "query": parameter, "jwt": claim, "claim": claim}

// part is a piece of fixed text or a variable.
type part struct {
	of    source
	place place
	text  string // fixed, or the variable's name
	field http7.Name
	group int
}

// selector returns what the part reads, "" if every line of the log has it.
func (p *part) selector() string {
	switch p.of {
	case field:
		return "header:" + strings.ToLower(p.text)
	case cookie:
		return "cookie:" + p.text
	case claim:
		return "claim:" + p.text
	case sni:
		return "sni"
	case version, cipher, subject, commonName, altNames, fingerprint:
		return plainNames[p.of]
	}
	return ""
}

// escaped reports whether the variable's value is part of a canonical path.
func (p *part) escaped() bool {
	return p.of == path || p.of == rest || p.of == capture || p.of == group
}

// value appends the variable's value as it is.
func (p *part) value(dst []byte, x *http7.Exchange, m Match) []byte {
	switch p.of {
	case client:
		if x.Client.IsValid() {
			return x.Client.Unmap().AppendTo(dst)
		}
	case host:
		return appendHost(dst, x.Authority)
	case scheme:
		return append(dst, schemeOf(x)...)
	case route:
		if x.Route != nil {
			return append(dst, x.Route.Name...)
		}
	case listener:
		if x.Conn != nil {
			return append(dst, x.Conn.Listener...)
		}
	case sni, version, cipher, subject, commonName, altNames, fingerprint:
		return append(dst, p.ofTLS(x.Conn)...)
	case consumer:
		return append(dst, x.Consumer...)
	case parameter:
		if c := http7.Parameters(x.Query, p.text); c.Next() {
			return c.Append(dst)
		}
	case group:
		return m.append(dst, p.group)
	default:
		return append(dst, p.view(x)...)
	}
	return dst
}

// ofTLS returns what a variable is of a connection, "" without TLS.
func (p *part) ofTLS(c *http7.Conn) string {
	if c == nil {
		return ""
	}
	switch p.of {
	case sni:
		return c.SNI
	case version:
		return http7.TLSVersion(c.Version)
	case cipher:
		return http7.TLSCipher(c.Cipher)
	}
	if c.ClientNames == nil {
		return ""
	}
	switch p.of {
	case subject:
		return c.ClientNames.Subject
	case commonName:
		return c.ClientNames.CommonName
	case altNames:
		return c.ClientNames.AltNames
	case fingerprint:
		return c.ClientNames.Fingerprint
	}
	return ""
}

// view returns the value of a variable that stands somewhere in x.
func (p *part) view(x *http7.Exchange) (v []byte) {
	switch p.of {
	case method:
		return x.Method
	case path:
		return x.Path
	case query:
		return x.Query
	case rest:
		v, _ = x.Captures.Get("rest")
	case capture:
		v, _ = x.Captures.Get(p.text)
	case requestID:
		return x.RequestID
	case field:
		v, _ = x.Request.First(p.field)
	case cookie:
		if c := http7.Cookies(&x.Request, p.text); c.Next() {
			return c.Value()
		}
	case claim:
		v, _ = x.Claim(p.text)
	}
	return v
}

func schemeOf(x *http7.Exchange) string {
	if x.Secure {
		return "https"
	}
	return "http"
}

// appendHost appends the host of an authority in lower case, without its port and one trailing dot.
func appendHost(dst, authority []byte) []byte {
	end := len(authority)
	if i := bytes.LastIndexByte(authority, ':'); i >= 0 && bytes.IndexByte(authority[i:], ']') < 0 {
		end = i
	}
	if end > 1 && authority[end-1] == '.' {
		end--
	}
	for _, c := range authority[:end] {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// Match is one match of a regular expression, for the "$1" of a [URL].
type Match struct {
	// Of is what was searched, Groups are the pairs of offsets in it as
	// [regexp.Regexp.FindSubmatchIndex] returns them.
	Of     []byte
	Groups []int
}

func (m Match) append(dst []byte, group int) []byte {
	if 2*group+1 >= len(m.Groups) || m.Groups[2*group] < 0 {
		return dst
	}
	return append(dst, m.Of[m.Groups[2*group]:m.Groups[2*group+1]]...)
}
