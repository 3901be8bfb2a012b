package serve

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
)

// leaver is a client of one request that leaves when it is told to.
func leaver(t *testing.T, r *rig, c *http.Client) (leave func()) {
	ctx, leaves := context.WithCancel(context.Background())
	t.Cleanup(leaves)
	go func() { // ends when it has left, or is answered
		if res, err := c.Do(request(t, "GET", "http://"+r.addr+"/", nil).WithContext(ctx)); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}()
	return func() {
		pause(4 * watchAfter) // an end that is there when the watch begins is a half-close
		leaves()
	}
}

// noticed waits until the engine knows that its only client has left.
func (r *rig) noticed(t *testing.T) {
	t.Helper()
	eventually(t, "the client's end is noticed", func() bool {
		r.engine.mu.Lock()
		defer r.engine.mu.Unlock()
		for c := range r.engine.conns {
			if c.left.Load() {
				return true
			}
		}
		for k := range r.engine.carriers {
			k.mu.Lock()
			for c := range k.streams {
				if c.left.Load() {
					k.mu.Unlock()
					return true
				}
			}
			k.mu.Unlock()
		}
		return false
	})
}

// held is an endpoint that answers when it is told to, and says when it was asked and when nobody wants to know.
type held struct{ asked, goOn, cancelled chan struct{} }

func newHeld() held {
	return held{make(chan struct{}, 8), make(chan struct{}, 8), make(chan struct{}, 8)}
}

func (h held) answer(w http.ResponseWriter, r *http.Request) {
	h.asked <- struct{}{}
	select {
	case <-h.goOn:
		_, _ = io.WriteString(w, "late")
	case <-r.Context().Done():
		h.cancelled <- struct{}{}
	}
}

func TestAnExchangeThatStaysOutlivesItsClient(t *testing.T) {
	t.Parallel()
	bothSides(t, func(t *testing.T, start starter) {
		got := make(chan string, 1)
		p := &scripted{
			request: func(x *http7.Exchange) http7.Verdict { x.Stay(true); return http7.Continue },
			answer: func(x *http7.Exchange) http7.Verdict {
				a := x.Backstage.TakeAnswer(x)
				answerBy(x, 200, "mine")
				body, _ := drained(a.Source)
				a.Source.Close()
				got <- body
				return http7.Continue
			},
		}
		h := newHeld()
		r, c, _ := start(withSteps(p.step("p.stay")), h.answer)
		leave := leaver(t, r, c)
		<-h.asked
		leave()
		r.noticed(t)
		h.goOn <- struct{}{}
		if body := <-got; body != "late" {
			t.Errorf("took %q", body)
		}
		eventually(t, "it ends", func() bool { return p.ends.Load() == 1 && r.inFlight() == 0 })
		if len(h.cancelled) > 0 {
			t.Error("the endpoint was left")
		}
	})
}

func TestAStayThatEndsBehindItsClientEndsTheExchange(t *testing.T) {
	t.Parallel()
	bothSides(t, func(t *testing.T, start starter) {
		exchanges := make(chan *http7.Exchange, 1)
		p := &scripted{request: func(x *http7.Exchange) http7.Verdict {
			x.Stay(true)
			exchanges <- x
			return http7.Continue
		}}
		h := newHeld()
		r, c, _ := start(withSteps(p.step("p.stay")), h.answer)
		leave := leaver(t, r, c)
		<-h.asked
		x := <-exchanges
		leave()
		r.noticed(t)
		if p.ends.Load() > 0 {
			t.Error("it ended with its client")
		}
		x.Stay(false)
		<-h.cancelled
		eventually(t, "it ends", func() bool { return p.ends.Load() == 1 && r.inFlight() == 0 })
		if p.answers.Load() > 0 {
			t.Error("there was an answer")
		}
	})
}

func TestAStayThatIsOverLeavesTheExchangeToItsClient(t *testing.T) {
	t.Parallel()
	bothSides(t, func(t *testing.T, start starter) {
		p := &scripted{request: func(x *http7.Exchange) http7.Verdict {
			x.Stay(true)
			x.Stay(false)
			x.Stay(false)
			return http7.Continue
		}}
		h := newHeld()
		r, c, _ := start(withSteps(p.step("p.stay")), h.answer)
		leave := leaver(t, r, c)
		<-h.asked
		leave()
		<-h.cancelled
		eventually(t, "it ends", func() bool { return p.ends.Load() == 1 })
	})
}

// growing is a Source that gives what it is told to, and waits in between.
type growing struct {
	mu       sync.Mutex
	more     sync.Cond
	text     string
	fault    *http7.Fault
	stopped  bool
	waits    atomic.Int64
	closed   atomic.Int64
	stoppeds atomic.Int64
}

func newGrowing(text string) *growing {
	g := &growing{text: text}
	g.more.L = &g.mu
	return g
}

func (g *growing) Next() ([]byte, http7.State, *http7.Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.text != "":
		b := []byte(g.text)
		g.text = ""
		return b, http7.Chunk, nil
	case g.fault != nil:
		return nil, http7.Failure, g.fault
	}
	return nil, http7.Parked, nil
}

func (g *growing) Await() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waits.Add(1)
	for g.text == "" && g.fault == nil && !g.stopped {
		g.more.Wait()
	}
}

func (g *growing) Interrupt() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = true
	g.stoppeds.Add(1)
	g.more.Broadcast()
}

func (g *growing) fail(f *http7.Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
	g.more.Broadcast()
}

func (g *growing) Close() { g.closed.Add(1) }

// from is a policy that answers every request from g.
func (g *growing) from() *scripted {
	return &scripted{request: func(x *http7.Exchange) http7.Verdict {
		a := x.LocalAnswer(200)
		a.Length, a.Source = -1, g
		return http7.Answered()
	}}
}

func (g *growing) waiting(t *testing.T) {
	t.Helper()
	eventually(t, "the source is waited for", func() bool { return g.waits.Load() > 0 })
}

func TestTheWaitForASourceEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		filters bool
		timeout time.Duration
		end     func(r *rig, leave func())
		fault   string
	}{
		{"when the client leaves", false, 0, func(_ *rig, leave func()) { leave() }, "client_left"},
		{"behind a filter, when the client leaves", true, 0, func(_ *rig, leave func()) { leave() }, "client_left"},
		{"when the route's time is up", false, 2 * time.Second, func(*rig, func()) {}, "route_timeout"},
		{"when the client leaves before its time is up", false, time.Minute, func(_ *rig, leave func()) { leave() }, "client_left"},
		{"when the engine is cut", false, 0, func(r *rig, _ func()) { r.engine.Cut() }, "stopping"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bothSides(t, func(t *testing.T, start starter) {
				var out bytes.Buffer
				stop := func() {}
				g := newGrowing("first")
				p := g.from()
				p.answer = func(x *http7.Exchange) http7.Verdict {
					if c.filters {
						x.Answer.Filters = append(x.Answer.Filters, mapFilter(bytes.ToUpper))
					}
					return http7.Continue
				}
				r, client, _ := start(func(r *rig) {
					r.route.Steps, r.route.Timeout = []http7.Step{p.step("p.grows")}, c.timeout
					stop = logging(r, &out)
				}, func(http.ResponseWriter, *http.Request) {})
				leave := leaver(t, r, client)
				g.waiting(t)
				c.end(r, leave)
				eventually(t, "it ends", func() bool { return p.ends.Load() == 1 && g.closed.Load() == 1 })
				eventually(t, "all connections end", func() bool { client.CloseIdleConnections(); return r.empty() })
				stop()
				if l := onlyLine(t, &out); l.Fault != c.fault || l.Status != 200 {
					t.Errorf("logged %+v, want %s", l, c.fault)
				}
			})
		})
	}
}

// A policy may take an answer, and find then that it can't keep it.
func TestTheWaitForATakenAnswerThatIsGivenBackEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(r *rig, leave func()){
		"when the client leaves":    func(_ *rig, leave func()) { leave() },
		"when the engine is cut":    func(r *rig, _ func()) { r.engine.Cut() },
		"when the time of it is up": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothSides(t, func(t *testing.T, start starter) {
				given, gone := make(chan struct{}), make(chan struct{})
				p := &scripted{answer: func(x *http7.Exchange) http7.Verdict {
					taken := x.Backstage.TakeAnswer(x)
					a := x.LocalAnswer(200)
					a.Length, a.Source = -1, taken.Source
					close(given)
					return http7.Continue
				}}
				r, client, _ := start(func(r *rig) {
					r.route.Steps = []http7.Step{p.step("p.back")}
					if end == nil {
						r.route.Timeout = 2 * time.Second
					}
				}, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.WriteString(w, "first")
					w.(http.Flusher).Flush()
					<-r.Context().Done()
					close(gone)
				})
				leave := leaver(t, r, client)
				<-given
				if end != nil {
					end(r, leave)
				}
				<-gone
				eventually(t, "the lease ends", func() bool { return r.inFlight() == 0 })
			})
		})
	}
}

func TestALocalAnswerThatAnEndpointSpoilsIsTheFaultsUntilAByteHasLeft(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first string
		fault *http7.Fault
		want  string // "": the answer is cut
	}{
		{"", http7.UpstreamCut, "502"},
		{"", http7.HandlerError, ""},
		{"first", http7.UpstreamCut, ""},
	} {
		bothSides(t, func(t *testing.T, start starter) {
			g := newGrowing(c.first)
			r, client, _ := start(withSteps(g.from().step("p.grows")), func(http.ResponseWriter, *http.Request) {})
			if c.first == "" {
				g.fail(c.fault)
			} else {
				go func() { // ends at once
					g.waiting(t)
					g.fail(c.fault)
				}()
			}
			res, err := client.Get("http://" + r.addr + "/")
			status := ""
			if err == nil {
				status = res.Status
				_, err = io.ReadAll(res.Body)
				_ = res.Body.Close()
			}
			if whole := err == nil; whole != (c.want != "") || whole && !strings.HasPrefix(status, c.want) {
				t.Errorf("%q, then %s: got %s, %v; want %q", c.first, c.fault.Name, status, err, c.want)
			}
			eventually(t, "the source is closed", func() bool { return g.closed.Load() == 1 })
		})
	}
}

func TestTheSourceOfAnAnswerThatIsReplacedIsClosedOnce(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(x *http7.Exchange) http7.Verdict{
		"by another":   func(x *http7.Exchange) http7.Verdict { answerBy(x, 200, "other"); return http7.Continue },
		"by a refusal": func(x *http7.Exchange) http7.Verdict { return http7.Refuse(teapot) },
		"by a panic":   func(x *http7.Exchange) http7.Verdict { panic("policy") },
		"not at all":   func(x *http7.Exchange) http7.Verdict { return http7.Continue },
	} {
		g := newGrowing("first")
		g.fault = http7.UpstreamCut
		p := g.from()
		p.answer = again
		r := newRigWith(t, withSteps(p.step("p.grows")), answering(t, hello).addr)
		_ = r.say(get)
		r.idle(t)
		if n := g.closed.Load(); n != 1 {
			t.Errorf("%s: closed %d times", name, n)
		}
	}
}
