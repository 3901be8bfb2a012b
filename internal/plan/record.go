package plan

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Record is one request of an access log (docs/access-log.md). It is valid until the next one is read.
type Record struct {
	// Line is the line's number, from 1.
	Line      int64
	Arrival   time.Time
	Client    netip.Addr // the zero Addr for a unix socket
	Listener  string
	Proto     string
	Method    string
	Host      string
	Target    string
	Route     string
	Upstream  string
	Endpoint  string
	Status    int
	Fault     string
	BytesIn   int64
	BytesOut  int64
	Duration  time.Duration
	FirstByte time.Duration // 0: none was sent
	Attempts  int           // 0: no endpoint was asked
	Consumer  string
	Cache     string      // what a cache had to do with the answer
	Verdicts  [][2]string // policy, and what it said
	Match     [][2]string // selector, and a value that it had

	// Body is the length of the content as far as the log tells it: that many bytes at least if the Fault is [TooLarge].
	Body int64
}

// session reports whether the line is that of a tcp session.
func (r *Record) session() bool { return r.Proto == "tcp" }

// unreadFaults are those of heads that no reader of the log can write again: what was wrong is not in the line.
const unreadFaults = " bad_request_line bad_target bad_host bad_field bad_line_ending obs_fold bad_framing bad_content_length " +
	"bad_connection unknown_transfer_coding http_version expectation head_too_large target_too_long misdirected loop "

// unread reports whether there was no head that could be judged again.
func (r *Record) unread() bool {
	return r.Method == "" || r.Target == "" || r.Fault != "" && strings.Contains(unreadFaults, " "+r.Fault+" ")
}

// lateFaults are those that befall a request which has been let through, an endpoint asked or not. They and all whose names
// begin with "upstream_" are no verdict on the request. What limits refuse hangs on the requests before it.
const lateFaults = " breaker_open connect_failed connect_refused connect_timeout name_unresolved no_endpoint overloaded route_timeout " +
	"client_left client_stalled request_cut request_timeout bad_chunk bad_trailer exhausted handler compress stopping panic " +
	"rate_limited rate_limit_unavailable quota_exceeded quota_unavailable concurrency_exceeded basic_busy jwt_no_keys " +
	"introspect_unavailable forward_auth_unavailable forward_auth_limited oidc_unavailable "

// refused reports whether Weir answered because of what the request was.
func (r *Record) refused() bool {
	return r.Fault != "" && !strings.HasPrefix(r.Fault, "upstream_") && !strings.Contains(lateFaults, " "+r.Fault+" ")
}

// storedWords are the results of a cache that answers for an endpoint.
const storedWords = " hit stale collapsed revalidated error-stale "

// own reports whether the answer was of Weir's own making: no endpoint gave it, now or before.
func (r *Record) own() bool {
	return r.Attempts == 0 && (r.Cache == "" || !strings.Contains(storedWords, " "+r.Cache+" "))
}

// closingFaults are refusals behind which the connection closes, and what had been announced of a body is not read.
const closingFaults = " ambiguous_host ambiguous_path method_refused "

// unseenBody reports whether there may have been a body that nobody has read.
func (r *Record) unseenBody() bool {
	return r.Body == 0 && r.Attempts == 0 && strings.Contains(closingFaults, " "+r.Fault+" ") && // "" is none of them
		!strings.Contains(" GET HEAD OPTIONS ", " "+r.Method+" ")
}

// AppendHead appends the request as an HTTP/1.1 head with its empty line, as far as the log tells it: the request line,
// Host, the fields and cookies of Match, and a Content-Length for a content. What would not stay on its line is left out;
// ok is false if the request line itself is such.
func (r *Record) AppendHead(dst []byte) (head []byte, ok bool) {
	if broken(r.Method) || broken(r.Target) || broken(r.Host) {
		return dst, false
	}
	dst = append(append(append(append(dst, r.Method...), ' '), r.Target...), " HTTP/1.1\r\n"...)
	dst = appendField(dst, "Host", r.Host)
	for _, m := range r.Match {
		if name, ok := strings.CutPrefix(m[0], "header:"); ok && !ownField(name) && !broken(name+m[1]) {
			dst = appendField(dst, name, m[1])
		}
	}
	dst = r.appendCookies(dst)
	if r.Body > 0 {
		dst = appendField(dst, "Content-Length", strconv.FormatInt(r.Body, 10))
	}
	return append(dst, "\r\n"...), true
}

func (r *Record) appendCookies(dst []byte) []byte {
	sep := "Cookie: "
	for _, m := range r.Match {
		if name, ok := strings.CutPrefix(m[0], "cookie:"); ok && !broken(name+m[1]) {
			dst = append(append(append(append(dst, sep...), name...), '='), m[1]...)
			sep = "; "
		}
	}
	if sep == "; " {
		dst = append(dst, "\r\n"...)
	}
	return dst
}

func appendField(dst []byte, name, value string) []byte {
	return append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
}

// ownField reports whether a field is one that AppendHead writes by itself.
func ownField(name string) bool {
	return strings.EqualFold(name, "host") || strings.EqualFold(name, "content-length") || strings.EqualFold(name, "transfer-encoding")
}

// broken reports whether s does not stay on its line.
func broken(s string) bool { return strings.ContainsAny(s, "\r\n\x00") }
