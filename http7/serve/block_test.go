package serve

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/http7"
)

// inquiring is a policy that asks somebody outside who never answers.
type inquiring struct {
	most  time.Duration
	asked chan struct{}
	once  sync.Once
	why   chan error
}

func (p *inquiring) Request(x *http7.Exchange) http7.Verdict {
	ctx, done := x.Block(p.most)
	defer done()
	p.once.Do(func() { close(p.asked) })
	<-ctx.Done()
	p.why <- ctx.Err()
	return http7.Refuse(unheard)
}

var unheard = &http7.Fault{Side: http7.Upstream, Kind: http7.Unavailable, Name: "unheard", Status: 503}

func TestWhoAsksOutsideIsInterrupted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		most    time.Duration
		timeout time.Duration
		end     func(r *rig, leave func())
		err     error
		fault   string
	}{
		{"when the client leaves", time.Minute, 0, func(_ *rig, leave func()) { leave() }, context.Canceled, "client_left"},
		{"when the engine is cut", time.Minute, 0, func(r *rig, _ func()) { r.engine.Cut() }, context.Canceled, "stopping"},
		{"when the route's time is up", time.Minute, 200 * time.Millisecond, func(*rig, func()) {}, nil, "route_timeout"},
		{"when nobody answers in time", 100 * time.Millisecond, time.Minute, func(*rig, func()) {}, context.DeadlineExceeded, "unheard"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bothSides(t, func(t *testing.T, start starter) {
				p := &inquiring{most: c.most, asked: make(chan struct{}), why: make(chan error, 1)}
				r, client, _ := start(func(r *rig) {
					r.route.Steps = []http7.Step{{Name: "p.asks", Blocks: true, Request: p}}
					r.route.Timeout = c.timeout
				}, func(http.ResponseWriter, *http.Request) {})
				leave := leaver(t, r, client)
				<-p.asked
				c.end(r, leave)
				if err := <-p.why; c.err != nil && !errors.Is(err, c.err) {
					t.Errorf("ended with %v", err)
				}
				if c.fault != "" {
					eventually(t, "the fault is counted", func() bool { return r.faults(c.fault) == 1 })
				}
			})
		})
	}
}

// faults returns how often a fault was counted.
func (r *rig) faults(name string) int {
	var b strings.Builder
	r.series.WritePrometheus(&b)
	n := 0
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "weir_http_faults_total{") && strings.Contains(line, `"`+name+`"`) {
			n++
		}
	}
	return n
}

// A policy that only observes refuses nobody, and says what it would have done.
func TestARefusalThatIsObservedIsARemark(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(r *rig, s http7.Step){
		"before the match": func(r *rig, s http7.Step) { r.site.Early = []http7.Step{s} },
		"behind it":        func(r *rig, s http7.Step) { r.route.Steps = []http7.Step{s} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			stop := func() {}
			r := newRigWith(t, func(r *rig) {
				at(r, http7.Step{Name: "p.guard", Bundle: "p", Mode: http7.Observe, Request: verdict{http7.Refuse(http7.BadContent)}})
				stop = logging(r, &out)
			}, saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
			if got := r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200") {
				t.Errorf("got %s", got)
			}
			stop()
			if got := out.String(); !strings.Contains(got, "p.guard") || !strings.Contains(got, "would refuse: bad_content") {
				t.Errorf("logged %s", got)
			}
		})
	}
}

// What a client says in a field of identity reaches neither conditions nor the endpoint, wherever it writes it.
func TestFieldsOfIdentityAreTakenFromClients(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, answersInTurn(""))
	r := newRigWith(t, func(r *rig) {
		r.site.Identity = http7.NewIdentityFields([]string{"X-User"})
	}, o.addr)
	got := r.say("POST / HTTP/1.1\r\nHost: a\r\nx-uSer: root\r\nX_User: root\r\nX-Other: stays\r\nTransfer-Encoding: chunked\r\n" +
		"Trailer: X-User\r\nConnection: close, X-User\r\n\r\n0\r\nX-User: root\r\nX-Sum: 1\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("got %s", got)
	}
	heads, _ := o.seen()
	seen := strings.Join(heads, "")
	if strings.Contains(strings.ToLower(seen), "user: root") || !strings.Contains(seen, "X-Other: stays") || !strings.Contains(seen, "X-Sum: 1") {
		t.Errorf("the endpoint saw %q", seen)
	}
}
