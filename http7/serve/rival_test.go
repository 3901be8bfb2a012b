package serve

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7/forward"
	"weir/internal/conf"
	"weir/lb"
)

// inTurn is a group of endpoints that answer requests in the order in which they come, whichever of
// them is asked; behind the last turn they say hello.
type inTurn struct {
	turns []turn
	next  atomic.Int64
	mu    sync.Mutex
	heads []string
}

// turn answers one request and reports whether the connection goes on.
type turn func(c net.Conn) bool

// says answers at once.
func says(answer string) turn {
	return func(c net.Conn) bool {
		_, err := io.WriteString(c, answer)
		return err == nil
	}
}

// later answers after a while.
func later(d time.Duration, answer string) turn {
	return func(c net.Conn) bool {
		pause(d)
		return says(answer)(c)
	}
}

// cue is given once, by whoever comes first.
type cue struct {
	ch   chan struct{}
	once sync.Once
}

func newCue() *cue { return &cue{ch: make(chan struct{})} }

func (e *cue) tell() { e.once.Do(func() { close(e.ch) }) }

// tells says that it was asked, then takes its turn.
func (e *cue) tells(next turn) turn {
	return func(c net.Conn) bool {
		e.tell()
		return next(c)
	}
}

// behind takes its turn a moment after it was told, so that what the other one said has arrived.
func (e *cue) behind(next turn) turn {
	return func(c net.Conn) bool {
		<-e.ch
		pause(50 * time.Millisecond)
		return next(c)
	}
}

// then tells what was said.
func (e *cue) then(first turn) turn {
	return func(c net.Conn) bool {
		defer e.tell()
		return first(c)
	}
}

// hangsUp answers with a part of something.
func hangsUp(part string) turn {
	return func(c net.Conn) bool {
		says(part)(c)
		return false
	}
}

// waits says nothing until its connection ends, which it tells.
func waits(ended chan<- struct{}) turn {
	return func(c net.Conn) bool {
		_, _ = io.Copy(io.Discard, c)
		ended <- struct{}{}
		return false
	}
}

func newInTurn(turns ...turn) *inTurn { return &inTurn{turns: turns} }

func (o *inTurn) serve(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		request, err := readMessage(r)
		if err != nil {
			return
		}
		o.mu.Lock()
		o.heads = append(o.heads, request)
		o.mu.Unlock()
		say := says(hello)
		if n := int(o.next.Add(1)) - 1; n < len(o.turns) {
			say = o.turns[n]
		}
		if !say(c) {
			return
		}
	}
}

func (o *inTurn) seen() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.heads...)
}

// hedging is a rig before two endpoints in turn, with hedges after a time.
func hedging(t testing.TB, after time.Duration, o *inTurn, change func(*rig)) *rig {
	return newRigWith(t, func(r *rig) {
		r.forward.Hedge = &forward.HedgeConfig{After: forward.AfterDuration(after), Budget: conf.Percent(100)}
		r.forward.Retry.Backoff = conf.Dur(0)
		if change != nil {
			change(r)
		}
	}, origin(t, o.serve), origin(t, o.serve))
}

// settled demands that nothing is left of the requests made: no lease, no rival.
func (r *rig) settled() {
	r.t.Helper()
	eventually(r.t, "every lease is done", func() bool {
		for _, m := range r.plan.Upstream.View().Members() {
			if m.Endpoint.InFlight() != 0 {
				return false
			}
		}
		return r.engine.rivals.Load() == 0
	})
}

const (
	busy    = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
	broken  = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\n\r\nbroken"
	second  = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"
	getMore = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
)

func TestTheFirstGoodAnswerOfTwoAttemptsIsKept(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 100)
	// overtakes are two turns of which the hedge's is over before the first one's, follows of which the first one's is.
	overtakes := func(first, hedge turn) func() []turn {
		return func() []turn {
			said := newCue()
			return []turn{said.behind(first), said.then(hedge)}
		}
	}
	follows := func(first, hedge turn, more ...turn) func() []turn {
		return func() []turn {
			asked, said := newCue(), newCue()
			return append([]turn{asked.behind(said.then(first)), asked.tells(said.behind(hedge))}, more...)
		}
	}
	for _, c := range []struct {
		name      string
		turns     func() []turn
		attempts  int
		status    int
		body      string
		won, lost uint64
	}{
		{"the hedge's", func() []turn { return []turn{waits(ended), says(second)} }, 2, 200, "second", 1, 0},
		{"the first one's", func() []turn {
			asked := newCue()
			return []turn{asked.behind(says(hello)), asked.tells(waits(ended))}
		}, 2, 200, "hello", 0, 1},
		{"the first one's, since the hedge is 503", overtakes(says(hello), says(busy)), 2, 200, "hello", 0, 1},
		{"the first one's, since the hedge is reset", overtakes(says(hello), hangsUp("HTTP/1.1 2")), 2, 200, "hello", 0, 1},
		{"the hedge's, since the first one is 503", follows(says(busy), says(second)), 2, 200, "second", 1, 0},
		{"the hedge's, since the first one is 500", follows(says(broken), says(second)), 2, 200, "second", 1, 0},
		{"the hedge's, since the first one is reset", follows(hangsUp(""), says(second)), 2, 200, "second", 1, 0},
		{"the last one's of two that fail", follows(says(broken), says(broken)), 2, 500, "broken", 0, 1},
		{"a third one's behind two that fail", follows(says(busy), says(busy), says(second)), 3, 200, "second", 0, 1},
		{"one of a single attempt", func() []turn { return []turn{says(hello)} }, 1, 200, "hello", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			patiently(t, 20*time.Millisecond, func(d time.Duration) error { // until there are no hedges but the ones above
				o := newInTurn(c.turns()...)
				r := hedging(t, d, o, nil)
				cl := r.client()
				if err := cl.answers(getMore, c.status, c.body); err != nil {
					return err
				}
				if n := len(o.seen()); n != c.attempts {
					return fmt.Errorf("%d attempts, want %d", n, c.attempts)
				}
				cl.send(getMore) // nothing of the other answer is on the way
				cl.want(200, "hello")
				r.settled()
				if s := r.plan.Counters.Stats(); s.HedgesWon != c.won || s.HedgesLost != c.lost {
					return fmt.Errorf("won %d, lost %d; want %d, %d", s.HedgesWon, s.HedgesLost, c.won, c.lost)
				}
				return nil
			})
		})
	}
}

// An attempt that hedges outran said nothing of its endpoint: one that hung passed for as fast as ever.
func TestTheLoserIsOutrunAndItsEndpointCountsAsSlow(t *testing.T) {
	t.Parallel()
	const after = 50 * time.Millisecond
	ended, asked := make(chan struct{}, 2), newCue()
	for _, c := range []struct {
		what   string
		turns  []turn
		silent time.Duration // the loser, at least
	}{
		{"the first", []turn{waits(ended), says(second)}, after},
		{"the hedge", []turn{asked.behind(later(after, hello)), asked.tells(waits(ended))}, after},
	} {
		r := hedging(t, after, newInTurn(c.turns...), nil)
		cl := r.client()
		cl.send(getMore)
		cl.want(200, "")
		r.settled()
		var outrun, ok int
		for _, m := range r.plan.Upstream.View().Members() {
			e := m.Endpoint
			ok += int(e.Ended(lb.OK))
			if e.Ended(lb.Outrun) == 1 {
				outrun++
				if e.Latency() < c.silent {
					t.Errorf("%s: an endpoint that was silent for %v counts for %v", c.what, c.silent, e.Latency())
				}
			}
			if e.Tally(0).Failed != 0 || e.Ended(lb.Cancelled) != 0 {
				t.Errorf("%s: %+v, %d cancelled", c.what, e.Tally(0), e.Ended(lb.Cancelled))
			}
		}
		if outrun != 1 || ok != 1 {
			t.Errorf("%s: %d outrun, %d ok", c.what, outrun, ok)
		}
	}
}

func TestTheLoserIsCut(t *testing.T) {
	t.Parallel()
	ended, asked := make(chan struct{}, 1), newCue()
	for _, turns := range [][]turn{
		{waits(ended), says(second)},
		{asked.behind(says(hello)), asked.tells(waits(ended))},
	} {
		r := hedging(t, 20*time.Millisecond, newInTurn(turns...), nil)
		cl := r.client()
		cl.send(getMore)
		cl.want(200, "")
		comes(t, "the end at the slower endpoint", ended)
		r.settled()
	}
}

func TestABodyAtHandIsHedgedAndOthersAreNot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, request string
		attempts      int
	}{
		{"PUT with a body at hand", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 2},
		{"PUT in chunks at hand", "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n", 2},
		{"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 2},
		{"POST", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 1},
		{"a long PUT", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("x", 50000), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			answer := "HTTP/1.1 204 No Content\r\n\r\n"
			asked := newCue()
			first := asked.behind(says(answer))
			if c.attempts == 1 {
				first = later(200*time.Millisecond, answer)
			}
			o := newInTurn(first, asked.tells(says(answer)))
			r := hedging(t, 20*time.Millisecond, o, nil)
			cl := r.client()
			cl.send(c.request)
			if status, _, _, err := cl.answer("HEAD"); err != nil || status != 204 {
				t.Fatalf("%d, %v", status, err)
			}
			seen := o.seen()
			if len(seen) != c.attempts {
				t.Errorf("%d attempts, want %d", len(seen), c.attempts)
			}
			if len(seen) == 2 && seen[0] != seen[1] {
				t.Errorf("the hedge is %q, not %q", seen[1], seen[0])
			}
			r.settled()
		})
	}
}

func TestWithoutAnotherEndpointThereIsNoHedge(t *testing.T) {
	t.Parallel()
	o := newInTurn(later(100*time.Millisecond, hello))
	r := newRigWith(t, func(r *rig) {
		r.forward.Hedge = &forward.HedgeConfig{After: forward.AfterDuration(time.Millisecond), Budget: conf.Percent(100)}
	}, origin(t, o.serve))
	cl := r.client()
	cl.send(getMore)
	cl.want(200, "hello")
	if s := r.plan.Counters.Stats(); s.HedgesRefused != 1 || len(o.seen()) != 1 {
		t.Errorf("%d refused, %d attempts", s.HedgesRefused, len(o.seen()))
	}
}

func TestAHedgeThatCannotConnectIsLost(t *testing.T) {
	t.Parallel()
	slow := newInTurn(later(150*time.Millisecond, hello), later(150*time.Millisecond, hello), later(150*time.Millisecond, hello), later(150*time.Millisecond, hello))
	r := newRigWith(t, func(r *rig) {
		r.forward.Hedge = &forward.HedgeConfig{After: forward.AfterDuration(time.Millisecond), Budget: conf.Percent(100)}
	}, origin(t, slow.serve), refusing(t))
	for range 3 {
		cl := r.client()
		cl.send(getMore)
		cl.want(200, "hello")
	}
	r.settled()
}

func TestA103PassesWhileOneAttemptIsAlive(t *testing.T) {
	t.Parallel()
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	ended := make(chan struct{}, 10)
	both := func(a, b turn) turn { return func(c net.Conn) bool { return a(c) && b(c) } }
	for _, c := range []struct {
		name  string
		first func(asked *cue) turn
		want  string
	}{
		{"before the hedge", func(asked *cue) turn { return both(says(hint), asked.behind(says(hello))) }, "HTTP/1.1 103 "},
		{"beside the hedge", func(asked *cue) turn { return asked.behind(both(says(hint), later(50*time.Millisecond, hello))) }, "HTTP/1.1 200 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			patiently(t, 50*time.Millisecond, func(d time.Duration) error { // until the hint comes before the hedge
				asked := newCue()
				o := newInTurn(c.first(asked), asked.tells(both(says(hint), waits(ended))))
				r := hedging(t, d, o, nil)
				got := r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
				if !strings.HasPrefix(got, c.want) || !strings.HasSuffix(got, "hello") || len(o.seen()) != 2 {
					return fmt.Errorf("%d attempts, got %q", len(o.seen()), got)
				}
				return nil
			})
		})
	}
}

func TestAClientThatLeavesEndsBothAttempts(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"waits", "fails"} {
		ended := make(chan struct{}, 2)
		turns := []turn{waits(ended), waits(ended)}
		want := 2
		if first == "fails" {
			asked := newCue()
			turns, want = []turn{asked.behind(says(broken)), asked.tells(waits(ended))}, 1
		}
		o := newInTurn(turns...)
		r := hedging(t, 20*time.Millisecond, o, nil)
		cl := r.client()
		cl.send(getMore)
		eventually(t, "both were asked", func() bool { return len(o.seen()) == 2 })
		pause(200 * time.Millisecond) // the watcher looks at clients that have waited
		_ = cl.Close()
		for range want {
			comes(t, "the end at an endpoint whose first "+first, ended)
		}
		r.settled()
		for _, m := range r.plan.Upstream.View().Members() {
			if n := m.Endpoint.Ended(lb.Outrun); n != 0 {
				t.Errorf("the first %s: nobody was faster, but %d are outrun", first, n)
			}
		}
	}
}

func TestACutEndsBothAttempts(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 2)
	o := newInTurn(waits(ended), waits(ended))
	r := hedging(t, 20*time.Millisecond, o, nil)
	cl := r.client()
	cl.send(getMore)
	eventually(t, "both were asked", func() bool { return len(o.seen()) == 2 })
	r.engine.Cut()
	comes(t, "the end of an attempt", ended)
	comes(t, "the end of the other", ended)
	r.settled()
	eventually(t, "the connection has gone", r.nobody)
}

func TestTheRoutesEndCutsBothAttempts(t *testing.T) {
	t.Parallel()
	patiently(t, 200*time.Millisecond, func(d time.Duration) error { // until the hedge comes before the end
		ended := make(chan struct{}, 2)
		o := newInTurn(waits(ended), waits(ended))
		r := hedging(t, 20*time.Millisecond, o, func(r *rig) { r.route.Timeout = d })
		cl := r.client()
		cl.send(getMore)
		cl.want(504, "route_timeout")
		r.settled()
		for range o.seen() {
			comes(t, "the end of an attempt", ended)
		}
		if n := len(o.seen()); n != 2 {
			return fmt.Errorf("%d attempts, want 2", n)
		}
		return nil
	})
}

// Whatever the two attempts do, and whenever: the client gets one answer, whole, and the next request
// on its connection gets its own.
func TestTheClientGetsExactlyOneAnswer(t *testing.T) {
	t.Parallel()
	const rounds = 60
	var n atomic.Int64
	handle := func(c net.Conn) {
		rnd := rand.New(rand.NewPCG(uint64(n.Add(1)), 3))
		r := bufio.NewReader(c)
		for {
			request, err := readMessage(r)
			if err != nil {
				return
			}
			if !randomAnswer(c, rnd, request) {
				return
			}
		}
	}
	r := newRigWith(t, func(r *rig) {
		r.forward.Hedge = &forward.HedgeConfig{After: forward.AfterDuration(time.Millisecond), Budget: conf.Percent(100)}
		r.forward.Retry.Backoff = conf.Dur(0)
	}, origin(t, handle), origin(t, handle), origin(t, handle))
	var clients sync.WaitGroup
	for k := range 4 {
		clients.Go(func() {
			cl := r.client()
			_ = cl.SetDeadline(time.Now().Add(time.Minute))
			for i := range rounds {
				id := fmt.Sprintf("%d-%d", k, i)
				cl.send("GET /" + id + " HTTP/1.1\r\nHost: a\r\n\r\n")
				status, _, body, err := cl.answer("GET")
				if err != nil || status == 200 && body != strings.Repeat(id+";", 100) {
					t.Errorf("request %s got %d %.40q, %v", id, status, body, err)
					return
				}
			}
		})
	}
	clients.Wait()
	r.settled()
	if s := r.plan.Counters.Stats(); s.HedgesWon == 0 || s.HedgesLost == 0 {
		t.Errorf("won %d, lost %d", s.HedgesWon, s.HedgesLost)
	}
}

// randomAnswer answers about when hedges are made, in pieces, sometimes with a failure before the
// head is whole.
func randomAnswer(c net.Conn, rnd *rand.Rand, request string) bool {
	id, _, _ := strings.Cut(strings.TrimPrefix(request, "GET /"), " ")
	body := strings.Repeat(id+";", 100)
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	<-time.After(time.Duration(rnd.IntN(60)) * time.Millisecond)
	switch rnd.IntN(12) {
	case 0:
		return false
	case 1:
		return says(busy)(c)
	case 2:
		return hangsUp(answer[:rnd.IntN(30)])(c)
	case 3:
		at := rnd.IntN(len(answer))
		if !says(answer[:at])(c) {
			return false
		}
		return later(time.Duration(rnd.IntN(20))*time.Millisecond, answer[at:])(c)
	}
	return says(answer)(c)
}
