package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parsers read lines. They keep what the next line may use again, and belong to one goroutine.
type parsers struct {
	second string // a time that was read last, and what it says
	unix   time.Time
}

// parse reads a line in a format.
func (p *parsers) parse(f format, line string, r *record) error {
	if f == weirJSON {
		return parseWeir(line, r)
	}
	return p.parseCombined(line, r)
}

// weirLine is what is read of a line of Weir's access log (docs/access-log.md).
type weirLine struct {
	TS      *int64      `json:"ts"`
	Proto   string      `json:"proto"`
	Method  string      `json:"method"`
	Host    string      `json:"host"`
	Target  string      `json:"target"`
	Status  int         `json:"status"`
	BytesIn int64       `json:"bytes_in"`
	Took    *int64      `json:"dur_us"`
	Match   [][2]string `json:"match"`
}

// The times that a line may hold: from 1970 to 2255, so that they fit in nanoseconds.
const maxMicros = 9_000_000_000_000_000

// parseWeir reads a line of Weir's access log.
func parseWeir(line string, r *record) error {
	var w weirLine
	if err := json.Unmarshal([]byte(line), &w); err != nil {
		return fmt.Errorf("not a line of JSON: %w", err)
	}
	switch {
	case w.TS == nil || w.Took == nil:
		return errors.New("no ts or dur_us: not a line of Weir's access log")
	case *w.TS < 0 || *w.TS > maxMicros:
		return fmt.Errorf("ts %d is no time", *w.TS)
	case *w.Took < 0:
		return fmt.Errorf("dur_us %d is no time", *w.Took)
	}
	*r = record{at: time.UnixMicro(*w.TS), took: time.Duration(min(*w.Took, maxMicros/1000)) * time.Microsecond, timed: true,
		method: w.Method, target: w.Target, host: w.Host, status: w.Status, body: w.BytesIn > 0}
	switch {
	case w.Proto == "tcp":
		r.left = session
		return nil
	case w.Method == "" && w.Target == "":
		r.left = noRequest
		return nil
	}
	r.extra = matched(w.Match)
	return r.settle()
}

// matched returns the header fields that Weir's conditions read, as lines. Credentials are in the log as hashes, so
// they are left out, and so is what the generator writes itself.
func matched(match [][2]string) string {
	var b strings.Builder
	for _, m := range match {
		name, ok := strings.CutPrefix(m[0], "header:")
		if !ok || !isToken(name) || !oneLine(m[1]) {
			continue
		}
		switch strings.ToLower(name) {
		case "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect",
			"authorization", "proxy-authorization", "cookie", "content-type", "user-agent", "referer":
			continue
		}
		b.WriteString(name + ": " + m[1] + "\r\n")
	}
	return b.String()
}

// parseCombined reads a line of nginx's and Apache's combined or common log:
//
//	address ident user [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 2326 "referer" "user agent" 0.012
//
// What follows the user agent is passed over but for a time in seconds with three decimals, which is nginx's
// $request_time, alone or behind "rt=" or "request_time=".
func (p *parsers) parseCombined(line string, r *record) error {
	_, rest, ok := strings.Cut(line, " [")
	stamp, rest, closed := strings.Cut(rest, "] \"")
	if !ok || !closed {
		return errors.New(`no [time] "request"`)
	}
	if err := p.time(stamp); err != nil {
		return err
	}
	request, rest, err := quoted(rest)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	*r = record{at: p.unix}
	if rest, err = r.statusAndSize(rest); err != nil {
		return err
	}
	if r.referer, rest, err = field(rest); err != nil {
		return fmt.Errorf("referer: %w", err)
	}
	if r.agent, rest, err = field(rest); err != nil {
		return fmt.Errorf("user agent: %w", err)
	}
	r.tail(rest)
	return r.requestLine(request)
}

// time reads a time of a second; lines of one second come together.
func (p *parsers) time(stamp string) error {
	if stamp == p.second && stamp != "" {
		return nil
	}
	t, err := time.Parse("02/Jan/2006:15:04:05 -0700", stamp)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return fmt.Errorf("%.40q is no time such as 10/Oct/2000:13:55:36 -0700", stamp)
	}
	p.second, p.unix = strings.Clone(stamp), t
	return nil
}

// quoted reads up to a closing quote and takes the escapes back that nginx (\xHH) and Apache (also \" \\ \n \t …)
// write. rest is what follows.
func quoted(s string) (text, rest string, err error) {
	plain := true
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			plain = false
			i++
		case '"':
			if plain {
				return s[:i], s[i+1:], nil
			}
			return unescape(s[:i]), s[i+1:], nil
		}
	}
	return "", "", errors.New("its quote is not closed")
}

// unescape takes escapes back; what is none stays as it is.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if at := strings.IndexByte(`"\bnrtv`, s[i]); at >= 0 {
			b.WriteByte("\"\\\b\n\r\t\v"[at])
			continue
		}
		if s[i] == 'x' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte('\\')
		b.WriteByte(s[i])
	}
	return b.String()
}

// statusAndSize reads ` 200 2326`.
func (r *record) statusAndSize(s string) (rest string, err error) {
	status, rest := word(s)
	size, rest := word(rest)
	if r.status, err = strconv.Atoi(status); err != nil || len(status) != 3 {
		return "", fmt.Errorf("status %.20q is none", status)
	}
	if _, err := strconv.ParseUint(size, 10, 63); err != nil && size != "-" {
		return "", fmt.Errorf("size %.20q is none", size)
	}
	return rest, nil
}

// word cuts off what stands before the next space.
func word(s string) (word, rest string) {
	word, rest, _ = strings.Cut(strings.TrimLeft(s, " "), " ")
	return word, rest
}

// field reads a quoted text if there is one; "-" means none. What can't be sent in a header field is left out.
func field(s string) (text, rest string, err error) {
	s = strings.TrimLeft(s, " ")
	if !strings.HasPrefix(s, `"`) {
		return "", s, nil
	}
	text, rest, err = quoted(s[1:])
	if text == "-" || !oneLine(text) {
		text = ""
	}
	return text, rest, err
}

// tail looks for a request time.
func (r *record) tail(s string) {
	for s != "" {
		var w string
		w, s = word(s)
		w = strings.TrimPrefix(strings.TrimPrefix(w, "request_time="), "rt=")
		whole, decimals, dotted := strings.Cut(w, ".")
		if !dotted || len(decimals) != 3 || len(whole) > 9 {
			continue
		}
		if ms, err := strconv.ParseUint(whole+decimals, 10, 63); err == nil && whole != "" {
			r.took, r.timed, r.atEnd = time.Duration(ms)*time.Millisecond, true, true
			return
		}
	}
}

// requestLine reads `GET /a HTTP/1.1`.
func (r *record) requestLine(s string) error {
	method, rest, ok := strings.Cut(s, " ")
	space := strings.LastIndexByte(rest, ' ')
	if !ok || space < 0 || !strings.HasPrefix(rest[space+1:], "HTTP/") || !isToken(method) {
		if s == "" || s == "-" || r.status >= 400 {
			r.left = noRequest
			return nil
		}
		return fmt.Errorf("%.40q is no request", s)
	}
	r.method, r.target = method, rest[:space]
	return r.settle()
}

// settle makes the target one that can be sent, or says why there is none.
func (r *record) settle() error {
	switch {
	case r.method == "CONNECT" || r.status == 101:
		r.left = tunnel
		return nil
	case !isToken(r.method):
		return fmt.Errorf("method %.20q is none", r.method)
	}
	if scheme, rest, ok := strings.Cut(r.target, "://"); ok && (scheme == "http" || scheme == "https") {
		slash := strings.IndexAny(rest, "/?")
		if slash < 0 {
			slash = len(rest)
		}
		r.host, r.target = rest[:slash], rest[slash:]
		if !strings.HasPrefix(r.target, "/") {
			r.target = "/" + r.target
		}
	}
	for i := range len(r.target) {
		if c := r.target[i]; c <= ' ' || c == 0x7f {
			return fmt.Errorf("target %.40q has a %q in it", r.target, rune(c))
		}
	}
	if !strings.HasPrefix(r.target, "/") && (r.target != "*" || r.method != "OPTIONS") {
		return fmt.Errorf("target %.40q does not begin with /", r.target)
	}
	if strings.ContainsFunc(r.host, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		r.host = ""
	}
	return nil
}

// isToken reports whether s is a token (RFC 9110 §5.6.2).
func isToken(s string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	for i := range len(s) {
		c := s[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte(marks, c) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}

// oneLine reports whether s can be the value of a header field (RFC 9110 §5.5).
func oneLine(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
