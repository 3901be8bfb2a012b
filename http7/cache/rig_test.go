package cache

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// said is what an origin says: a head as lines, and a body in chunks.
type said struct {
	status int
	head   string // lines, with \n
	chunks []string
	// length is declared; -1 for none. 0 is the body's.
	length int64
	// after is the wait before each chunk.
	after time.Duration
	// before is the wait before the head.
	before time.Duration
	cut    bool // the body breaks off behind the chunks
	fault  *http7.Fault
	// trailer are lines behind the body.
	trailer string
}

// asked is a request as an origin sees it.
type asked struct {
	method, path string
	h            map[string]string
}

// world is a policy with an origin behind it, without sockets.
type world struct {
	t      testing.TB
	c      *Cache
	p      *policy
	route  *http7.Route
	origin func(a asked, n int) said // n counts from 1
	mu     sync.Mutex
	asked  []asked
	taken  atomic.Int64
	closed atomic.Int64
	busy   bool // Repeat refuses
	extra  []http7.Step
	wg     sync.WaitGroup
}

// newWorld returns a world whose policy has the changes that edit makes to the defaults.
func newWorld(t *testing.T, edit func(*Config), origin func(a asked, n int) said) *world {
	t.Helper()
	visits = sync.Pool{New: visits.New} // what readers wait on belongs to one bubble
	w := newBareWorld(t, edit, origin)
	t.Cleanup(func() {
		c := w.c
		w.wg.Wait()
		synctest.Wait() // a client has its end before the origin's answer is closed
		if open := w.taken.Load() - w.closed.Load(); open != 0 {
			t.Errorf("%d answers of the origin are not closed", open)
		}
		if err := c.Purge(Purge{All: true}); err != nil {
			t.Error(err)
		}
		pass(5 * time.Second) // a sweep may rest
		synctest.Wait()
		n := c.Stats()
		if n.Filling != 0 || n.Waiting != 0 || n.Store.Drafts != 0 || n.Store.Pinned != 0 || n.Store.Objects != 0 {
			t.Errorf("left behind: filling %d, waiting %d, drafts %d, pinned %d, objects %d", n.Filling, n.Waiting, n.Store.Drafts, n.Store.Pinned, n.Store.Objects)
		}
		for i := range c.fills.shards {
			if n := len(c.fills.shards[i].fills) + len(c.fills.shards[i].demanded); n != 0 {
				t.Errorf("%d fills are left behind", n)
			}
		}
	})
	return w
}

// newBareWorld returns one that is not under a clock of its own.
func newBareWorld(t testing.TB, edit func(*Config), origin func(a asked, n int) said) *world {
	t.Helper()
	c, err := New(8<<20, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, c: c, origin: origin}
	w.reload(edit)
	t.Cleanup(c.Close)
	return w
}

// reload makes another policy for the same cache.
func (w *world) reload(edit func(*Config)) {
	cfg := Default()
	if edit != nil {
		edit(&cfg)
	}
	steps, err := Compile(&cfg, "edge", w.c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.p = steps[0].Request.(*policy)
	w.route = &http7.Route{Name: "pages", Steps: append(steps, w.extra...)}
}

// asks counts the requests that the origin has seen.
func (w *world) asks() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

// lastAsked is the last of them.
func (w *world) lastAsked() asked {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[len(w.asked)-1]
}

// got is what a client gets.
type got struct {
	status int
	h      map[string]string
	body   string
	whole  bool
	cached string
	fault  *http7.Fault
	length int64
}

func (g got) String() string {
	return fmt.Sprintf("%d %q (%s; %s; whole %v)", g.status, g.body, g.cached, g.h["cache-status"], g.whole)
}

// request makes an exchange: "GET /a" or "GET https://host/a?b", and field lines.
func (w *world) request(line string, fields ...string) *http7.Exchange {
	x := new(http7.Exchange)
	method, url, _ := strings.Cut(line, " ")
	x.Conn, x.Proto, x.Authority = &http7.Conn{}, http7.HTTP11, []byte("example.com")
	if rest, ok := strings.CutPrefix(url, "https://"); ok {
		x.Secure = true
		url = rest
	} else if rest, ok := strings.CutPrefix(url, "http://"); ok {
		url = rest
	}
	if i := strings.IndexByte(url, '/'); i > 0 {
		x.Authority, url = []byte(url[:i]), url[i:]
	}
	x.Method, x.Target = []byte(method), []byte(url)
	path, query, ok := strings.Cut(url, "?")
	if x.Path = []byte(path); ok {
		x.Query = []byte(query)
	}
	addFields(&x.Request, strings.Join(fields, "\n"))
	x.Arrival, x.Route, x.Backstage = time.Now(), w.route, &backstage{w: w}
	return x
}

func addFields(h *http7.Header, lines string) {
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			h.AddRaw([]byte(name), []byte(strings.TrimSpace(value)))
		}
	}
}

// do takes a request to its end.
func (w *world) do(line string, fields ...string) got { return w.run(w.request(line, fields...)) }

// run is the hall.
func (w *world) run(x *http7.Exchange) got {
	w.decide(x, w.p.Request(x))
	g := w.respond(x)
	w.end(x)
	return g
}

// decide takes x through the step, parks and all, and to the origin.
func (w *world) decide(x *http7.Exchange, v http7.Verdict) {
	for v.Act == http7.Wait {
		t := time.NewTimer(time.Until(v.Until))
		select {
		case <-x.Wakes():
			v = w.p.Resume(x, http7.Woken)
		case <-t.C:
			v = w.p.Resume(x, http7.Expired)
		}
		t.Stop()
	}
	switch {
	case v.Act == http7.Reply && v.Fault != nil:
		http7.FaultAnswer(x, v.Fault)
	case v.Act != http7.Reply:
		w.send(x)
	}
}

// send asks the origin.
func (w *world) send(x *http7.Exchange) {
	var h http7.Header
	h.CopyFrom(&x.Request)
	x.Outgoing.Apply(&h)
	a := asked{method: string(x.Method), path: string(x.Target), h: map[string]string{}}
	for name, value := range h.All() {
		a.h[strings.ToLower(string(name))] = string(value)
	}
	w.mu.Lock()
	w.asked = append(w.asked, a)
	n := len(w.asked)
	w.mu.Unlock()
	s := w.origin(a, n)
	if s.before > 0 {
		pass(s.before)
	}
	if s.fault != nil {
		http7.FaultAnswer(x, s.fault)
		return
	}
	up := &http7.Answer{Status: s.status}
	if up.Status == 0 {
		up.Status = 200
	}
	addFields(&up.Header, s.head)
	body := strings.Join(s.chunks, "")
	if up.Length = s.length; s.length == 0 {
		up.Length = int64(len(body))
	}
	if up.Length >= 0 && up.Status != 304 {
		up.Header.AddRaw([]byte("Content-Length"), fmt.Append(nil, up.Length))
	}
	if string(x.Method) == "HEAD" || up.Status == 304 {
		s.chunks = nil
	}
	addFields(&up.Trailer, s.trailer)
	w.taken.Add(1)
	up.Source = &upstream{w: w, s: s}
	x.Answer = up
}

// upstream is the body of an origin's answer.
type upstream struct {
	w      *world
	s      said
	waited bool
	once   sync.Once
}

func (u *upstream) Next() ([]byte, http7.State, *http7.Fault) {
	switch {
	case u.s.after > 0 && !u.waited && (len(u.s.chunks) > 0 || u.s.cut):
		return nil, http7.Parked, nil
	case len(u.s.chunks) > 0:
		b := []byte(u.s.chunks[0])
		u.s.chunks, u.waited = u.s.chunks[1:], false
		return b, http7.Chunk, nil
	case u.s.cut:
		return nil, http7.Failure, http7.UpstreamCut
	}
	return nil, http7.End, nil
}

func (u *upstream) Await() {
	pass(u.s.after)
	u.waited = true
}

func (u *upstream) Close() { u.once.Do(func() { u.w.closed.Add(1) }) }

// respond lets the policy see the answer, and reads it as a client does.
func (w *world) respond(x *http7.Exchange) got {
	a := w.see(x)
	g := got{status: a.Status, h: map[string]string{}, cached: x.Cached, fault: x.Fault, length: a.Length, whole: true}
	for name, value := range a.Header.All() {
		name := strings.ToLower(string(name))
		if g.h[name] != "" {
			g.h[name] += ", "
		}
		g.h[name] += string(value)
	}
	if a.Source == nil || string(x.Method) == "HEAD" || a.Status == 304 || a.Status == 204 {
		return g
	}
	for {
		chunk, s, _ := a.Source.Next()
		switch s {
		case http7.Chunk:
			for _, f := range a.Filters {
				f.Write(nil, chunk, http7.More)
			}
			g.body += string(chunk)
		case http7.Parked:
			a.Source.Await()
		default:
			g.whole = s == http7.End && (a.Length < 0 || a.Length == int64(len(g.body)))
			for _, f := range a.Filters {
				if s == http7.End {
					f.Write(nil, nil, http7.Last)
				}
			}
			return g
		}
	}
}

// see lets the policy see the answer.
func (w *world) see(x *http7.Exchange) *http7.Answer {
	up := x.Answer
	w.p.Response(x)
	if up != nil && up != x.Answer && !up.Local && up.Source != nil && x.Backstage.(*backstage).took != up {
		up.Source.Close() // the hall drops what was replaced
	}
	return x.Answer
}

// end pays what is owed.
func (w *world) end(x *http7.Exchange) {
	w.p.End(x, x.Word)
	if a := x.Answer; a != nil && a.Source != nil {
		a.Source.Close()
		a.Source = nil
	}
	x.Answer = nil
	x.Release()
}

// backstage is the hall's side of an exchange.
type backstage struct {
	w    *world
	took *http7.Answer
}

func (b *backstage) TakeAnswer(x *http7.Exchange) *http7.Answer {
	if x.Answer.Local {
		return nil
	}
	b.took, x.Answer = x.Answer, nil
	return b.took
}

func (b *backstage) Repeat(x *http7.Exchange, p http7.Policy, what any) bool {
	w := b.w
	if w.busy {
		return false
	}
	y := w.request(string(x.Method) + " " + string(x.Target))
	y.Secure, y.Authority = x.Secure, bytes.Clone(x.Authority)
	y.Path, y.Query = bytes.Clone(x.Path), bytes.Clone(x.Query)
	y.Request.CopyFrom(&x.Request)
	y.Outgoing = http7.Outgoing{Skip: x.Outgoing.Skip, Lines: bytes.Clone(x.Outgoing.Lines)}
	y.Keep(p, what)
	w.wg.Go(func() {
		w.send(y)
		w.respond(y)
		w.end(y)
	})
	return true
}

// expect compares what a client gets with "status cached body".
func (w *world) expect(g got, want string) {
	w.t.Helper()
	if s := fmt.Sprintf("%d %s %s", g.status, g.cached, g.body); s != want || !g.whole {
		w.t.Errorf("got %v, want %s", g, want)
	}
}

// pass lets time pass, under a clock of its own.
func pass(d time.Duration) { <-time.After(d) }

// inTime runs a test under a clock of its own.
func inTime(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

// pages is an origin that says something new each time, for a minute.
func pages(_ asked, n int) said {
	return said{head: "Cache-Control: max-age=60\nETag: \"v" + fmt.Sprint(n) + "\"", chunks: []string{fmt.Sprint("page ", n)}}
}

// always is an origin that says the same each time.
func always(head string, chunks ...string) func(asked, int) said {
	return func(asked, int) said { return said{head: head, chunks: chunks} }
}

// with edits a config.
func with(edit func(*Config)) func(*Config) { return edit }

func seconds(n int) conf.Duration { return conf.Dur(time.Duration(n) * time.Second) }

var conf100KiB = conf.Bytes(100 << 10)
