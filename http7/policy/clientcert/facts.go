package clientcert

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"weir/http7"
)

// fact is a name of a certificate. at returns its value number i, from 0 on, which lives until x is released; nil
// behind the last.
type fact struct {
	word string
	at   func(x *http7.Exchange, i int) []byte
}

// facts are all of them, in the order in which a person is told.
var facts = []fact{
	{"subject", one(func(x *http7.Exchange) string { return x.Conn.ClientNames.Subject })},
	{"subject.cn", one(func(x *http7.Exchange) string { return x.Conn.ClientNames.CommonName })},
	{"subject.o", list(func(x *http7.Exchange) []string { return x.Conn.ClientCert.Subject.Organization })},
	{"subject.ou", list(func(x *http7.Exchange) []string { return x.Conn.ClientCert.Subject.OrganizationalUnit })},
	{"issuer", one(func(x *http7.Exchange) string { return x.Conn.ClientCert.Issuer.String() })},
	{"issuer.cn", one(func(x *http7.Exchange) string { return x.Conn.ClientCert.Issuer.CommonName })},
	{"san", alternative("")},
	{"san.dns", alternative("DNS:")},
	{"san.email", alternative("email:")},
	{"san.uri", alternative("URI:")},
	{"san.ip", alternative("IP:")},
	{"serial", serial},
	{"fingerprint", one(func(x *http7.Exchange) string { return x.Conn.ClientNames.Fingerprint })},
	{"not_after", notAfter},
	{"certificate", certificate},
}

// factOf returns the fact of a word that Check has passed.
func factOf(word string) fact {
	for _, f := range facts {
		if f.word == word {
			return f
		}
	}
	return fact{word: word, at: func(*http7.Exchange, int) []byte { return nil }}
}

// one is a fact with one text, which may be empty: then it is absent.
func one(text func(x *http7.Exchange) string) func(*http7.Exchange, int) []byte {
	return func(x *http7.Exchange, i int) []byte {
		if i > 0 {
			return nil
		}
		return visible(x, text(x))
	}
}

// list is a fact with several texts.
func list(texts func(x *http7.Exchange) []string) func(*http7.Exchange, int) []byte {
	return func(x *http7.Exchange, i int) []byte {
		if all := texts(x); i < len(all) {
			return visible(x, all[i])
		}
		return nil
	}
}

// alternative is a fact with the alternative names of a kind, without their prefix; of all kinds with it.
func alternative(kind string) func(*http7.Exchange, int) []byte {
	return func(x *http7.Exchange, i int) []byte { return visible(x, nameAt(x.Conn.ClientNames.AltNames, kind, i)) }
}

// nameAt returns alternative name number i of a kind, "" behind the last.
func nameAt(names, kind string, i int) string {
	for names != "" {
		var name string
		name, names, _ = strings.Cut(names, ",")
		rest, ok := strings.CutPrefix(name, kind)
		if !ok || rest == "" {
			continue
		}
		if i == 0 {
			return rest
		}
		i--
	}
	return ""
}

// serial is the number that the authority gave, in hexadecimal digits of lower case.
func serial(x *http7.Exchange, i int) []byte {
	n := x.Conn.ClientCert.SerialNumber
	if n == nil || i > 0 {
		return nil
	}
	size := max(1, (n.BitLen()+7)/8)
	raw := n.FillBytes(x.Room(size)[:size])
	return hex.AppendEncode(x.Room(2*size), raw)
}

// notAfter is when the certificate ends.
func notAfter(x *http7.Exchange, i int) []byte {
	if i > 0 {
		return nil
	}
	return x.Conn.ClientCert.NotAfter.UTC().AppendFormat(x.Room(len(time.RFC3339)), time.RFC3339)
}

// certificate is the whole of it as the field Client-Cert has it: a byte sequence (RFC 9440 §2.1, RFC 8941 §3.3.5).
func certificate(x *http7.Exchange, i int) []byte {
	if i > 0 {
		return nil
	}
	raw := x.Conn.ClientCert.Raw
	b := append(x.Room(base64.StdEncoding.EncodedLen(len(raw))+2), ':')
	return append(base64.StdEncoding.AppendEncode(b, raw), ':')
}

const upperHex = "0123456789ABCDEF"

// visible returns text in x's room as a field value may have it, nil for an empty one: control characters, and blanks at the ends, are
// written as in a URI. Whoever signs certificates has chosen the text, not always with care.
func visible(x *http7.Exchange, text string) []byte {
	n := len(text)
	if n == 0 {
		return nil
	}
	for i := range len(text) {
		if hidden(text, i) {
			n += 2
		}
	}
	b := x.Room(n)
	for i := range len(text) {
		if c := text[i]; hidden(text, i) {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

func hidden(text string, i int) bool {
	c := text[i]
	return c < ' ' || c == 0x7f || c == ' ' && (i == 0 || i == len(text)-1)
}
