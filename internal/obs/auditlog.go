package obs

import (
	"context"
	"net/netip"
	"strings"
	"time"
)

// Refusal is one line of the audit log: who was refused what, by which policy, and why. Views in it need to live only for
// the call of [AuditLog.Write]. An absent text is ""; every key is written on every line.
type Refusal struct {
	Arrival   time.Time  // ts, in µs since 1970: the first byte of the request's head
	Client    netip.Addr // client, after trusted proxies; the zero Addr on a unix socket
	Listener  string     // listener
	Route     string     // route, "" if none matched
	Policy    string     // policy: bundle and section
	Mode      string     // mode: enforce, or observe for what would have been refused
	Fault     string     // fault: the refusal's name; "" if the policy answered in its own words
	Status    int        // status of the refusal, 0 for a connection that was closed
	Consumer  string     // consumer: the identity that was established
	Scheme    string     // scheme: how it was
	Method    []byte     // method
	Host      []byte     // host, as sent
	Path      []byte     // path, in its canonical form and without the query
	RequestID []byte     // request_id
	Reason    string     // reason: what the policy knows and the client is not told
}

// AuditLog writes refusals as lines of JSON, in the way in which [AccessLog] writes records: off the path of requests,
// by one goroutine, dropped and counted if the sink does not take them. A nil *AuditLog is one that is off.
type AuditLog struct{ lines *AccessLog }

// NewAuditLog opens cfg's path and returns a log that gathers lines; they are written while Run runs. The caller must
// call Run or Close.
func NewAuditLog(cfg AuditLogConfig, needs AccessLogNeeds) (*AuditLog, error) {
	l, err := newLog("audit log", cfg.Path, needs)
	if err != nil {
		return nil, err
	}
	l.written, l.dropped = needs.Catalogue.auditLines, needs.Catalogue.auditDropped
	return &AuditLog{l}, nil
}

// Prepare opens what cfg needs and changes nothing yet.
func (l *AuditLog) Prepare(cfg AuditLogConfig) (*AccessLogChange, error) {
	return l.lines.change(cfg.Path)
}

// Write encodes r. It neither blocks on the sink nor allocates, but for the first blocks. Views in r are not kept.
func (l *AuditLog) Write(r *Refusal) {
	if l == nil {
		return
	}
	s := l.lines.lock()
	defer s.mu.Unlock()
	if b := l.lines.room(s); b != nil {
		b.b = appendRefusal(b.b, r)
		l.lines.added(s)
	}
}

// Run writes what is gathered until ctx ends, as that of [AccessLog] does.
func (l *AuditLog) Run(ctx context.Context) { l.lines.Run(ctx) }

// Reopen opens the log's file anew, for after a rotation.
func (l *AuditLog) Reopen() error { return l.lines.Reopen() }

// Close closes the file of a log that will not be run.
func (l *AuditLog) Close() {
	if l != nil {
		l.lines.Close()
	}
}

// mostReason is how many bytes of a reason are written: it may hold what a client has sent, who could fill the log with it.
const mostReason = 1 << 10

// appendRefusal appends r as one line of JSON with its newline. The order of keys is fixed.
func appendRefusal(dst []byte, r *Refusal) []byte {
	dst = appendInt(dst, `{"ts":`, r.Arrival.UnixMicro())
	dst = append(dst, `,"client":"`...)
	if r.Client.IsValid() {
		dst = r.Client.WithZone("").AppendTo(dst)
	}
	dst = append(dst, '"')
	dst = appendText(dst, `,"listener":`, r.Listener)
	dst = appendText(dst, `,"route":`, r.Route)
	dst = appendText(dst, `,"policy":`, r.Policy)
	dst = appendText(dst, `,"mode":`, r.Mode)
	dst = appendText(dst, `,"fault":`, r.Fault)
	dst = appendInt(dst, `,"status":`, int64(r.Status))
	dst = appendText(dst, `,"consumer":`, r.Consumer)
	dst = appendText(dst, `,"scheme":`, r.Scheme)
	dst = appendText(dst, `,"method":`, r.Method)
	dst = appendText(dst, `,"host":`, r.Host)
	dst = appendText(dst, `,"path":`, r.Path)
	dst = appendText(dst, `,"request_id":`, r.RequestID)
	reason := r.Reason
	if len(reason) > mostReason {
		reason = strings.ToValidUTF8(reason[:mostReason], "") + "…"
	}
	dst = appendText(dst, `,"reason":`, reason)
	return append(dst, "}\n"...)
}
