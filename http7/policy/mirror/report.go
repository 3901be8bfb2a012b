package mirror

import (
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Difference is one answer that differs from the one that the client got.
type Difference struct {
	At              time.Time
	Route, Upstream string
	Method, Target  string
	RequestID       string
	// Where is "status", "header Content-Type", "body" for bytes, or "body items.3.price" for JSON.
	Where string
	// Live and Mirror are what is there in either, shortened; "" also if there is nothing.
	Live, Mirror string
	// More is how many other places differ.
	More int
}

const (
	// keptReports is how many differences are kept for a route.
	keptReports = 100
	// shownValue and shownTarget are how many bytes of a value and of a target a difference shows.
	shownValue  = 120
	shownTarget = 512
	// saidPerSecond is how many differences are logged in one second.
	saidPerSecond = 10
)

// reports are the last differences of one mirror.
type reports struct {
	mu   sync.Mutex
	ring []Difference
	next int
}

func (r *reports) add(d Difference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < keptReports {
		r.ring = append(r.ring, d)
		return
	}
	r.ring[r.next] = d
	r.next = (r.next + 1) % keptReports
}

// list returns them, the newest first.
func (r *reports) list() []Difference {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.ring)
	list := make([]Difference, n)
	for i := range r.ring {
		list[n-1-i] = r.ring[(r.next+i)%n]
	}
	return list
}

// budget bounds how often something is said.
type budget struct {
	mu     sync.Mutex
	second time.Time // that said is of
	said   int
	silent int // that were not said since one was
}

// may reports whether one more may be said at now, and how many were not since the last.
func (b *budget) may(now time.Time) (silent int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.second) >= time.Second {
		b.second, b.said = now, 0
	}
	if b.said >= saidPerSecond {
		b.silent++
		return 0, false
	}
	b.said++
	silent, b.silent = b.silent, 0
	return silent, true
}

// report keeps a difference and, if it is not one too many, logs where it is: what is there may be anybody's.
func (l *lane) report(c *copied, f *findings) {
	d := f.first
	d.At, d.Route, d.Upstream, d.More = time.Now(), l.route, l.upstream, f.count-1
	d.Method, d.Target, d.RequestID = string(c.d.Method), shorten(string(c.d.Target), shownTarget), string(c.id)
	l.reports.add(d)
	if silent, ok := l.pool.says.may(d.At); ok {
		l.pool.log.Warn("mirror answers differently", "route", d.Route, "upstream", d.Upstream, "method", d.Method,
			"target", d.Target, "request_id", d.RequestID, "where", d.Where, "more", d.More, "unsaid", silent)
	}
}

// shorten cuts s to at most n bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// secret reports whether values of that name are to be shown to nobody, as in the access log.
func secret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"cookie", "authorization", "key", "token", "secret", "auth", "session"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
