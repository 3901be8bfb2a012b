//go:build linux

package e2e

import (
	"context"
	"testing"
	"time"
)

// gathering is a URL whose first request the origin keeps waiting, and clients that ask for it meanwhile.
type gathering struct {
	*recital
	c    *child
	came chan int      // the numbers of the requests that the origin has got
	wait chan struct{} // closed: the first is answered
	got  chan gotten
}

// gather does something over each carrier, each time on a Weir of its own because it reads how many wait.
func gather(t *testing.T, on string, script []string, tell func(t *testing.T, g *gathering)) {
	t.Parallel()
	for i, proto := range []string{"HTTP/1.1", "HTTP/2.0", "HTTP/3.0"} {
		t.Run(proto[5:], func(t *testing.T) {
			t.Parallel()
			c, o, calls := startTable(t)
			r := newRecital(t, &tale{name: t.Name(), on: on}, i, proto, o, calls)
			g := &gathering{recital: r, c: c, came: make(chan int, 10), wait: make(chan struct{}), got: make(chan gotten, 10)}
			r.mu.Lock()
			r.script, r.held = script, g.hold
			r.mu.Unlock()
			tell(t, g)
		})
	}
}

// hold lets the origin's first answer wait.
func (g *gathering) hold(n int) {
	if g.came <- n; n == 1 {
		<-g.wait
	}
}

// ask lets one more client ask.
func (g *gathering) ask(ctx context.Context) {
	go func() { // ends with the answer
		got, _ := g.calls.callIn(g.t, ctx, g.proto, g.url, "", "")
		g.got <- got
	}()
}

// next is what the next client to be answered got.
func (g *gathering) next(t *testing.T) gotten {
	t.Helper()
	select {
	case got := <-g.got:
		return got
	case <-time.After(patience):
		t.Fatal("no answer")
		return gotten{}
	}
}

// whole demands that n more clients get the answer of that number.
func (g *gathering) whole(t *testing.T, n, number int) {
	t.Helper()
	for range n {
		got := g.next(t)
		g.mu.Lock()
		want := g.replies[number-1].body
		g.mu.Unlock()
		if got.err != nil || got.status != 200 || got.body != want {
			t.Errorf("%d %q, %v; want %q", got.status, got.body, got.err, want)
		}
	}
}

// Who waits for another's answer gets it although the other has left.
func TestCacheAnswerOutlivesWhoAskedFirst(t *testing.T) {
	gather(t, "patient", []string{"200 | " + fresh}, func(t *testing.T, g *gathering) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		g.ask(ctx)
		<-g.came
		g.ask(t.Context())
		g.ask(t.Context())
		g.c.counts(2, "weir_cache_waiting")
		if g.proto == "HTTP/1.1" { // who shuts a side within 50 ms may want the answer all the same
			<-time.After(behindTheWatch())
		}
		leave()
		if got := g.next(t); got.err == nil {
			t.Fatalf("who has left got %d", got.status)
		}
		close(g.wait)
		g.whole(t, 2, 1)
		if len(g.came) > 0 {
			t.Error("the origin was asked again")
		}
	})
}

// Who waits for an answer that turns out to be another's alone asks for one of its own at once.
func TestCacheWaitersOfAPrivateAnswerAskAlone(t *testing.T) {
	script := []string{"200 | Cache-Control: private", "200 | Cache-Control: private", "200 | Cache-Control: private"}
	gather(t, "patient", script, func(t *testing.T, g *gathering) {
		for range 3 {
			g.ask(t.Context())
		}
		g.c.counts(2, "weir_cache_waiting")
		close(g.wait)
		seen := map[string]bool{}
		for range 3 {
			if got := g.next(t); got.status != 200 || seen[got.body] {
				t.Errorf("%d %q, %v; seen %v", got.status, got.body, got.err, seen)
			} else {
				seen[got.body] = true
			}
		}
	})
}

// Who has waited for as long as the route lets it asks for itself.
func TestCacheWaitersGoAloneInTheEnd(t *testing.T) {
	gather(t, "hasty", []string{"200 | " + fresh, "200 | " + fresh}, func(t *testing.T, g *gathering) {
		g.ask(t.Context())
		<-g.came
		g.ask(t.Context())
		<-g.came
		g.whole(t, 1, 2)
		close(g.wait)
		g.whole(t, 1, 1)
	})
}
