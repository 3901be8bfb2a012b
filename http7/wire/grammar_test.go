package wire

import (
	"regexp"
	"strings"
)

// The grammar of RFC 9110, RFC 9112 and RFC 3986, spelt as regular expressions over text in which
// each rune is one byte (see latin1). It is the slow reference that the codec is compared with;
// nothing here is taken from the codec.
const (
	gToken  = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
	gText   = `[\t\x20-\x7e\x{80}-\x{ff}]`
	gField  = gToken + `:` + gText + `*\r\n`
	gHex    = `[0-9A-Fa-f]`
	gPct    = `%` + gHex + gHex
	gUnres  = `A-Za-z0-9\-._~`
	gSub    = `!$&'()*+,;=`
	gPath   = `(?:/(?:[` + gUnres + gSub + `:@\[\]|]|` + gPct + `)*)*` // path-abempty, and "[]|"
	gQuery  = `[` + gUnres + gSub + `:@/?%\[\]|{}^` + "`" + `\\]*`
	gH16    = gHex + `{1,4}`
	gOctet  = `(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
	gIPv4   = gOctet + `(?:\.` + gOctet + `){3}`
	gLS32   = `(?:` + gH16 + `:` + gH16 + `|` + gIPv4 + `)`
	gC      = `(?:` + gH16 + `:)`
	gName   = `(?:[` + gUnres + `!$&'()*+;=]|` + gPct + `)+` // reg-name, not empty, no comma
	gPort   = `[0-9]{0,5}`
	gQuoted = `"(?:[\t \x21\x23-\x5b\x5d-\x7e\x{80}-\x{ff}]|\\[\t\x20-\x7e\x{80}-\x{ff}])*"`
	gExt    = `(?:;` + gToken + `(?:=(?:` + gToken + `|` + gQuoted + `))?)*`
)

// gIPv6 has the nine alternatives of RFC 3986 §3.2.2.
var gIPv6 = `(?:` + strings.Join([]string{
	gC + `{6}` + gLS32,
	`::` + gC + `{5}` + gLS32,
	`(?:` + gH16 + `)?::` + gC + `{4}` + gLS32,
	`(?:` + gC + `{0,1}` + gH16 + `)?::` + gC + `{3}` + gLS32,
	`(?:` + gC + `{0,2}` + gH16 + `)?::` + gC + `{2}` + gLS32,
	`(?:` + gC + `{0,3}` + gH16 + `)?::` + gC + gLS32,
	`(?:` + gC + `{0,4}` + gH16 + `)?::` + gLS32,
	`(?:` + gC + `{0,5}` + gH16 + `)?::` + gH16,
	`(?:` + gC + `{0,6}` + gH16 + `)?::`,
}, "|") + `)`

var (
	reToken     = whole(gToken)
	reRequest   = regexp.MustCompile(`^(?:\r\n){0,2}((` + gToken + `) ([!-~]+) HTTP/1\.([01])\r\n((?:` + gField + `)*)\r\n)`)
	reAnswer    = regexp.MustCompile(`^(HTTP/1\.([01]) ([1-5][0-9][0-9]) (` + gText + `*)\r\n((?:` + gField + `)*)\r\n)`)
	reOrigin    = whole(`(/.*?)(?:\?(.*))?`)
	reAbsolute  = whole(`((?i:https?))://([^/?]*)([^?]*)(?:\?(.*))?`)
	rePath      = whole(gPath)
	reQuery     = whole(gQuery)
	reAuthority = whole(`(?:` + gName + `|\[` + gIPv6 + `\])(?::(` + gPort + `))?`)
	reDigits    = whole(`[0-9]+`)
	reChunk     = regexp.MustCompile(`^(` + gHex + `{1,16})(` + gExt + `)\r\n`)
	reTrailers  = regexp.MustCompile(`^((?:` + gField + `)*)\r\n`)
)

func whole(expr string) *regexp.Regexp { return regexp.MustCompile(`^(?s:` + expr + `)$`) }

// latin1 makes a text of bytes in which each byte is a rune of its own.
func latin1(b string) string {
	r := make([]rune, len(b))
	for i := range len(b) {
		r[i] = rune(b[i])
	}
	return string(r)
}

// bytesOf undoes latin1.
func bytesOf(text string) string {
	var b []byte
	for _, r := range text {
		b = append(b, byte(r))
	}
	return string(b)
}
