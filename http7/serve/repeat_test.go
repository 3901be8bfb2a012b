package serve

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// stale is a policy that answers every client at once, and takes each exchange's way again.
type stale struct {
	scripted
	repeated chan bool
	seen     chan string // what the repeated exchange's Response sees
	ended    chan uint64 // the words of its End
}

type mark struct{ text string }

func newStale() *stale {
	s := &stale{repeated: make(chan bool, 512), seen: make(chan string, 512), ended: make(chan uint64, 512)}
	s.request = func(x *http7.Exchange) http7.Verdict {
		x.Outgoing = http7.Outgoing{Skip: http7.Names(http7.IfNoneMatch), Lines: []byte("If-None-Match: \"kept\"\r\n")}
		x.Word = 7
		s.repeated <- x.Backstage.Repeat(x, s, &mark{string(x.Path)})
		x.Word = 8
		answerBy(x, 200, "stale")
		return http7.Answered()
	}
	s.answer = func(x *http7.Exchange) http7.Verdict {
		m, again := x.Kept(s).(*mark)
		if !again {
			return http7.Continue
		}
		said := m.text + " " + string(x.Method) + " " + x.Route.Name + " " + string(x.RequestID) + " "
		if x.Fault != nil {
			said += x.Fault.Name
		} else if a := x.Backstage.TakeAnswer(x); a != nil {
			body, _ := drained(a.Source)
			a.Source.Close()
			said += body
		} else {
			said += "local"
		}
		s.seen <- said
		return http7.Continue
	}
	s.end = func(x *http7.Exchange, word uint64) {
		if x.Kept(s) != nil {
			s.ended <- word
		} else if word != 8 {
			s.ended <- 1000 + word
		}
	}
	return s
}

// echoHead answers with what it was asked.
func echoHead(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.Method+" "+r.URL.String()+" "+r.Host+" "+strings.Join(r.Header["If-None-Match"], "+")+" "+r.Header.Get("X-Edit")+" "+r.Header.Get("X-Forwarded-For"))
}

func TestARepeatTakesTheRestOfTheWayWithoutAClient(t *testing.T) {
	t.Parallel()
	bothSides(t, func(t *testing.T, start starter) {
		var out bytes.Buffer
		stop := func() {}
		s := newStale()
		before := &scripted{request: func(x *http7.Exchange) http7.Verdict {
			x.RequestID = append(x.Room(2), "id"...)
			return http7.Continue
		}}
		behind := &scripted{request: func(x *http7.Exchange) http7.Verdict {
			x.Request.Add(mustName("X-Edit"), []byte("edited"))
			x.Out = append(x.Room(len("/v2/a?b=1")), "/v2/a?b=1"...)
			return http7.Continue
		}}
		r, c, conns := start(func(r *rig) {
			r.route.Steps = []http7.Step{before.step("p.before"), {Name: "p.stale", Request: s, Response: s, End: s}, behind.step("p.behind")}
			stop = logging(r, &out)
		}, echoHead)
		for range 3 {
			req := request(t, "GET", "http://"+r.addr+"/a?b=1", nil)
			req.Host = "www.test"
			req.Header.Set("If-None-Match", `"theirs"`)
			if res, body := fetch(t, c, req); res.StatusCode != 200 || body != "stale" || !<-s.repeated {
				t.Fatalf("got %d %q", res.StatusCode, body)
			}
			if got, want := <-s.seen, `/a GET all id GET /v2/a?b=1 www.test "kept" edited 127.0.0.1`; got != want {
				t.Errorf("the repeat saw %q, want %q", got, want)
			}
			if word := <-s.ended; word != 7 {
				t.Errorf("End with word %d", word)
			}
		}
		eventually(t, "all is given back", func() bool {
			n, _ := r.engine.Repeats()
			return n == 0 && r.inFlight() == 0
		})
		if n, a, b := conns.Load(), before.answers.Load(), behind.answers.Load(); n != 1 || a != 3 || b != 6 {
			t.Errorf("%d connections; %d answers before and %d behind, want 1, 3, 6", n, a, b)
		}
		if b, e := behind.requests.Load(), behind.ends.Load(); b != 3 || e != 3 {
			t.Errorf("behind: %d requests and %d ends, want 3 each", b, e)
		}
		c.CloseIdleConnections()
		r.idle(t)
		stop()
		if n := bytes.Count(out.Bytes(), []byte("\n")); n != 3 {
			t.Errorf("%d lines in the log, want 3: %s", n, &out)
		}
	})
}

func TestWhatARepeatComesToIsSeenByItsPolicyAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, answer string
		behind       *scripted
		want         string
		ended        uint64
	}{
		{"a fault", "<close>", &scripted{}, "upstream_reset", 7},
		{"a refusal behind", hello, &scripted{request: func(*http7.Exchange) http7.Verdict { return http7.Refuse(teapot) }}, "teapot", 7},
		{"an answer behind", hello, &scripted{request: func(x *http7.Exchange) http7.Verdict { answerBy(x, 200, "b"); return http7.Answered() }}, "local", 7},
		{"a wait behind", hello, &scripted{
			request: func(x *http7.Exchange) http7.Verdict { x.Waker().Wake(); return http7.Verdict{Act: http7.Wait} },
			resume:  func(*http7.Exchange, http7.Event) http7.Verdict { return http7.Continue },
		}, "hello", 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStale()
			r := newRigWith(t, func(r *rig) {
				once(r)
				r.route.Steps = []http7.Step{{Name: "p.stale", Request: s, Response: s, End: s}, c.behind.step("p.behind")}
			}, answering(t, c.answer).addr)
			if got := r.say(get); !strings.HasSuffix(got, "stale") {
				t.Errorf("the client got %q", got)
			}
			if got := <-s.seen; got != "/ GET all  "+c.want {
				t.Errorf("the repeat came to %q, want %s", got, c.want)
			}
			if word := <-s.ended; word != c.ended {
				t.Errorf("End with word %d", word)
			}
			eventually(t, "leases are given back", func() bool { return r.inFlight() == 0 })
		})
	}
}

func TestAnAnswerThatNobodyTakesGivesItsConnectionBack(t *testing.T) {
	t.Parallel()
	bothSides(t, func(t *testing.T, start starter) {
		s := newStale()
		s.answer = nil
		r, c, conns := start(withSteps(http7.Step{Name: "p.stale", Request: s, Response: s, End: s}), echoHead)
		for range 3 {
			fetch(t, c, request(t, "GET", "http://"+r.addr+"/", nil))
			<-s.ended
		}
		eventually(t, "leases are given back", func() bool { return r.inFlight() == 0 })
		if n := conns.Load(); n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
	})
}

func TestARepeatThatPanicsEndsAndIsCounted(t *testing.T) {
	t.Parallel()
	for name, panics := range map[string]func(behind *scripted, s *stale){
		"asking": func(behind *scripted, _ *stale) { behind.request = func(*http7.Exchange) http7.Verdict { panic("a") } },
		"answering": func(_ *scripted, s *stale) {
			s.answer = func(x *http7.Exchange) http7.Verdict { panicIfKept(x, s); return http7.Continue }
		},
	} {
		var seen atomic.Int64
		s, behind := newStale(), new(scripted)
		panics(behind, s)
		r := newRigWith(t, func(r *rig) {
			r.route.Steps = []http7.Step{{Name: "p.stale", Request: s, Response: s, End: s}, behind.step("p.behind")}
			r.engine.Panicked = func(any, []byte) { seen.Add(1) }
		}, answering(t, hello).addr)
		_ = r.say(get)
		<-s.ended
		eventually(t, "all is given back", func() bool {
			n, _ := r.engine.Repeats()
			return n == 0 && r.inFlight() == 0
		})
		if seen.Load() != 1 {
			t.Errorf("%s: %d panics are counted", name, seen.Load())
		}
	}
}

func panicIfKept(x *http7.Exchange, s *stale) {
	if x.Kept(s) != nil {
		panic("b")
	}
}

func TestRepeatsAreBoundedAndEndWithTheEngine(t *testing.T) {
	t.Parallel()
	h := held{make(chan struct{}, maxRepeats), make(chan struct{}), make(chan struct{}, maxRepeats)}
	_, at := h2Endpoint(t, nil, h.answer)
	s := newStale()
	r := newRigWith(t, func(r *rig) {
		toH2(r)
		r.forward.Timeouts.Response = conf.OffDuration // the first must be under way still when the last comes
		r.route.Steps = []http7.Step{{Name: "p.stale", Request: s, Response: s, End: s}}
	}, at)
	cl := r.client()
	_ = cl.SetDeadline(time.Now().Add(5 * time.Minute))
	for n := range maxRepeats + 2 {
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		cl.want(200, "stale")
		if got, want := <-s.repeated, n < maxRepeats; got != want {
			t.Fatalf("request %d: repeated %v", n, got)
		}
	}
	if n, refused := r.engine.Repeats(); n != maxRepeats || refused != 2 {
		t.Errorf("%d are under way, %d were refused", n, refused)
	}
	for range maxRepeats {
		<-h.asked
	}
	r.engine.Cut()
	eventually(t, "they end", func() bool {
		n, _ := r.engine.Repeats()
		return n == 0 && r.inFlight() == 0 && len(s.ended) == maxRepeats
	})
}

func TestNoRepeatBegins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, request string
		change        func(r *rig, s *stale)
	}{
		{"with a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab", func(*rig, *stale) {}},
		{"during a drain", get, func(r *rig, _ *stale) { r.engine.draining.Store(true) }},
		{"behind the request", get, func(_ *rig, s *stale) {
			s.request = nil
			s.answer = func(x *http7.Exchange) http7.Verdict {
				s.repeated <- x.Backstage.Repeat(x, s, new(mark))
				return http7.Continue
			}
		}},
		{"for somebody in particular", get, func(_ *rig, s *stale) {
			s.request = func(x *http7.Exchange) http7.Verdict {
				x.Establish(http7.Identity{Scheme: "jwt"})
				s.repeated <- x.Backstage.Repeat(x, s, new(mark))
				return http7.Continue
			}
		}},
		{"for another policy", get, func(_ *rig, s *stale) {
			s.request = func(x *http7.Exchange) http7.Verdict {
				s.repeated <- x.Backstage.Repeat(x, new(scripted), new(mark))
				return http7.Continue
			}
		}},
	} {
		s := newStale()
		r := newRigWith(t, func(r *rig) {
			r.route.Steps = []http7.Step{{Name: "p.stale", Request: s, Response: s}}
			c.change(r, s)
		}, answering(t, hello).addr)
		if got := r.say(c.request); !strings.HasPrefix(got, "HTTP/1.1 200") || <-s.repeated {
			t.Errorf("%s: it began; the client got %q", c.name, got)
		}
	}
}

func TestARepeatSharesNothingWithItsExchange(t *testing.T) {
	t.Parallel()
	first := []byte("GET /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n\r\n")
	c := &conn{e: newRig(t, "127.0.0.1:1").engine, info: &http7.Conn{}}
	c.site = c.e.site(nil)
	x := c.e.take(c)
	if _, f := x.parser.Parse(first, &c.site.Limits.Head, &x.head, &x.Request); f != nil {
		t.Fatal(f)
	}
	x.adopt()
	x.Route, x.plan = c.site.Plans[0].Route, c.site.Plans[0]
	x.RequestID, x.Out = []byte("id"), []byte{}
	x.Claims = append(x.Claims, http7.Claim{Name: "sub", Value: []byte("me")})
	x.Captures.Reset([]string{"n"})
	x.Captures.Set(0, x.Path[1:])
	y := c.e.take(c)
	y.copyOf(x)
	c.e.release(x)
	for i := range first {
		first[i] = '!'
	}
	claim, _ := y.Claim("sub")
	capture, _ := y.Captures.Get("n")
	got := []string{string(y.Method), string(y.Target), string(y.Authority), string(y.Path), string(y.Query), string(y.RequestID), string(claim), string(capture), string(y.Request.Get(http7.Host))}
	if want := []string{"GET", "/a?b", "h", "/a", "b", "id", "me", "a", "h"}; !slices.Equal(got, want) || y.Out == nil {
		t.Errorf("got %q, want %q; Out is %v", got, want, y.Out)
	}
}

// Stays, their ends, clients that leave and the engine's end meet in every order.
func TestStaysRaceWithEverything(t *testing.T) {
	t.Parallel()
	var live sync.Map
	p := &scripted{
		request: func(x *http7.Exchange) http7.Verdict { x.Stay(true); live.Store(x, nil); return http7.Continue },
		end: func(x *http7.Exchange, _ uint64) {
			if was, _ := live.LoadAndDelete(x); was != nil {
				<-was.(chan struct{})
			}
		},
	}
	h := newHeld()
	h.asked, h.cancelled = make(chan struct{}, 64), make(chan struct{}, 64)
	_, at := h2Endpoint(t, nil, h.answer)
	r, c := h2c(t, func(r *rig) { toH2(r); r.route.Steps = []http7.Step{p.step("p.stay")} }, at)
	var leaves []func()
	for range 32 {
		leaves = append(leaves, leaver(t, r, c))
	}
	for range 32 {
		<-h.asked
	}
	var all, gone sync.WaitGroup
	left := make(chan struct{})
	for _, leave := range leaves {
		gone.Go(leave)
	}
	live.Range(func(key, _ any) bool {
		done := make(chan struct{})
		if live.CompareAndSwap(key, nil, done) { // its End waits from here on
			all.Go(func() {
				defer close(done)
				toggle(key.(*http7.Exchange), left)
			})
		}
		return true
	})
	gone.Wait()
	close(left)
	all.Wait()
	eventually(t, "all end", func() bool { return p.ends.Load() == 32 && r.inFlight() == 0 })
}

// toggle makes x stay and not stay by turns until done is closed.
func toggle(x *http7.Exchange, done chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		x.Stay(true)
		x.Stay(false)
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}
