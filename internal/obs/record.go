package obs

import (
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

// Record is one line of the access log: what an exchange was and what became of it.
//
// Views (the byte slices, Verdicts, Match) need to live only for the call of [AccessLog.Write].
// An absent text is "", an absent number 0; every key is written on every line.
type Record struct {
	Arrival   time.Time     // ts, in µs since 1970: the first byte of the request's head
	Client    netip.Addr    // client, after trusted proxies; the zero Addr on a unix socket
	Listener  string        // listener
	Proto     string        // proto: HTTP/1.0, HTTP/1.1, HTTP/2.0 …
	Method    []byte        // method
	Host      []byte        // host, as sent
	Target    []byte        // target, as sent
	Route     string        // route, "" if none matched
	Upstream  string        // upstream
	Endpoint  string        // endpoint of the attempt whose answer was kept, else of the last one
	Status    int           // status, 0 if no head was sent
	Fault     string        // fault: the kind, "" if the endpoint's own answer passed
	BytesIn   int64         // bytes_in: body bytes read from the client
	BytesOut  int64         // bytes_out: body bytes written to the client
	Duration  time.Duration // dur_us: from arrival to the last byte
	FirstByte time.Duration // first_byte_us: from arrival to the first byte to the client, 0: none
	Attempts  int           // attempts, 0 for what Weir answered itself
	Consumer  string        // consumer: the identity that was established
	Verdicts  []Verdict     // verdicts: policies that did something, in their order
	Cache     string        // cache: hit, miss, stale …
	RequestID []byte        // request_id
	TraceID   []byte        // trace_id, 32 hexadecimal digits
	Match     []Matched     // match: what conditions read, so that plan can decide again
}

// Verdict is one entry of a record's verdicts, written as ["edge.headers","continue"].
type Verdict struct {
	Policy string
	Said   string
}

// Matched is one value that a condition of a route or policy reads, written as
// ["header:X-Tenant","acme"]. A name that occurs twice has two entries. Secrets arrive here
// already replaced by keyed hashes.
type Matched struct {
	Selector string
	Value    []byte
}

// appendRecord appends r as one line of JSON with its newline. The order of keys is fixed
// (docs/architecture.md §10). It allocates only if dst must grow.
func appendRecord(dst []byte, r *Record) []byte {
	dst = appendInt(dst, `{"ts":`, r.Arrival.UnixMicro())
	dst = append(dst, `,"client":"`...)
	if r.Client.IsValid() {
		dst = r.Client.WithZone("").AppendTo(dst)
	}
	dst = append(dst, '"')
	dst = appendText(dst, `,"listener":`, r.Listener)
	dst = appendText(dst, `,"proto":`, r.Proto)
	dst = appendText(dst, `,"method":`, r.Method)
	dst = appendText(dst, `,"host":`, r.Host)
	dst = appendText(dst, `,"target":`, r.Target)
	dst = appendText(dst, `,"route":`, r.Route)
	dst = appendText(dst, `,"upstream":`, r.Upstream)
	dst = appendText(dst, `,"endpoint":`, r.Endpoint)
	dst = appendInt(dst, `,"status":`, int64(r.Status))
	dst = appendText(dst, `,"fault":`, r.Fault)
	dst = appendInt(dst, `,"bytes_in":`, r.BytesIn)
	dst = appendInt(dst, `,"bytes_out":`, r.BytesOut)
	dst = appendInt(dst, `,"dur_us":`, r.Duration.Microseconds())
	dst = appendInt(dst, `,"first_byte_us":`, r.FirstByte.Microseconds())
	dst = appendInt(dst, `,"attempts":`, int64(r.Attempts))
	dst = appendText(dst, `,"consumer":`, r.Consumer)
	dst = appendVerdicts(dst, r.Verdicts)
	dst = appendText(dst, `,"cache":`, r.Cache)
	dst = appendText(dst, `,"request_id":`, r.RequestID)
	dst = appendText(dst, `,"trace_id":`, r.TraceID)
	dst = appendMatch(dst, r.Match)
	return append(dst, "}\n"...)
}

func appendVerdicts(dst []byte, all []Verdict) []byte {
	dst = append(dst, `,"verdicts":[`...)
	sep := "["
	for i := range all {
		dst = appendText(dst, sep, all[i].Policy)
		dst = appendText(dst, ",", all[i].Said)
		dst = append(dst, ']')
		sep = ",["
	}
	return append(dst, ']')
}

func appendMatch(dst []byte, all []Matched) []byte {
	dst = append(dst, `,"match":[`...)
	sep := "["
	for i := range all {
		dst = appendText(dst, sep, all[i].Selector)
		dst = appendText(dst, ",", all[i].Value)
		dst = append(dst, ']')
		sep = ",["
	}
	return append(dst, ']')
}

func appendInt(dst []byte, key string, n int64) []byte {
	return strconv.AppendInt(append(dst, key...), n, 10)
}

// appendText appends key and s as a JSON string. What JSON or a terminal would trip over is
// escaped; a byte that is not UTF-8 becomes U+FFFD, since JSON can't carry it.
func appendText[T string | []byte](dst []byte, key string, s T) []byte {
	dst = append(append(dst, key...), '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7F && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		var n int
		dst, n = appendEscaped(dst, s[i:min(i+utf8.UTFMax, len(s))])
		i += n
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

// appendEscaped appends the first character of s, which is not plain ASCII, and returns its length.
func appendEscaped[T string | []byte](dst []byte, s T) ([]byte, int) {
	const hex = "0123456789abcdef"
	switch c := s[0]; {
	case c == '"' || c == '\\':
		return append(dst, '\\', c), 1
	case c < utf8.RuneSelf:
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15]), 1
	}
	var buf [utf8.UTFMax]byte
	r, n := utf8.DecodeRune(buf[:copy(buf[:], s)])
	switch {
	case r == utf8.RuneError && n == 1:
		return append(dst, `\ufffd`...), 1
	case r == '\u2028' || r == '\u2029': // line breaks to JavaScript
		return append(dst, '\\', 'u', '2', '0', '2', hex[r&15]), n
	}
	return append(dst, s[:n]...), n
}
