package serve

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"weir/http7"
)

// starter starts a rig before an endpoint, and returns a client of it and how many connections the endpoint has had.
type starter func(change func(*rig), handler http.HandlerFunc) (r *rig, c *http.Client, conns *atomic.Int64)

// bothSides runs a test with clients of both protocols, and with endpoints of both.
func bothSides(t *testing.T, test func(t *testing.T, start starter)) {
	for name, way := range map[string]struct{ client, endpoint bool }{
		"h1 to h1": {false, false}, "h2 to h1": {true, false}, "h1 to h2": {false, true}, "h2 to h2": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, func(change func(*rig), handler http.HandlerFunc) (*rig, *http.Client, *atomic.Int64) {
				return startOver(t, way.client, way.endpoint, change, handler)
			})
		})
	}
}

func startOver(t *testing.T, client, endpoint bool, change func(*rig), handler http.HandlerFunc) (*rig, *http.Client, *atomic.Int64) {
	conns := new(atomic.Int64)
	_, at := h2Endpoint(t, func(s *http.Server) {
		s.Protocols.SetHTTP1(true)
		s.ConnState = func(_ net.Conn, is http.ConnState) {
			if is == http.StateNew {
				conns.Add(1)
			}
		}
	}, handler)
	r := newRigWith(t, func(r *rig) {
		if endpoint {
			toH2(r)
		}
		r.site.Protocols = H1 | H2
		change(r)
	}, at)
	c := through(t, r)
	if client {
		c.Transport = r.h2Transport()
	}
	return r, c, conns
}

// inFlight returns how many leases of the rig's only endpoint are open.
func (r *rig) inFlight() int64 {
	return int64(r.plan.Upstream.View().Members()[0].Endpoint.InFlight())
}

// answerBy makes text the answer.
func answerBy(x *http7.Exchange, status int, text string) {
	a := x.LocalAnswer(status)
	a.Length, a.Source = int64(len(text)), http7.NewBytes([]byte(text))
}

// drained reads a Source to its end.
func drained(s http7.Source) (string, *http7.Fault) {
	var b strings.Builder
	for {
		chunk, state, f := s.Next()
		switch state {
		case http7.Chunk:
			b.Write(chunk)
		case http7.Parked:
			s.Await()
		default:
			return b.String(), f
		}
	}
}

func TestATakenAnswerOutlivesItsExchange(t *testing.T) {
	t.Parallel()
	bothSides(t, func(t *testing.T, start starter) {
		taken, goOn := make(chan *http7.Answer, 1), make(chan struct{})
		p := &scripted{answer: func(x *http7.Exchange) http7.Verdict {
			a := x.Backstage.TakeAnswer(x)
			answerBy(x, 203, "mine")
			taken <- a
			return http7.Continue
		}}
		r, c, conns := start(withSteps(p.step("p.take")), func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "first,")
			w.(http.Flusher).Flush()
			<-goOn
			_, _ = io.WriteString(w, "last")
			w.Header().Set(http.TrailerPrefix+"X-Sum", "10")
		})
		for n := range 2 {
			res, body := fetch(t, c, request(t, "GET", "http://"+r.addr+"/", nil))
			if res.StatusCode != 203 || body != "mine" {
				t.Fatalf("the client got %d %q", res.StatusCode, body)
			}
			c.CloseIdleConnections()
			r.idle(t)
			a := <-taken
			if a == nil || a.Status != 200 || !a.Header.Has(http7.Date) || r.inFlight() != 1 {
				t.Fatalf("took %v; %d leases are open", a, r.inFlight())
			}
			if n == 0 {
				close(goOn)
			}
			got, f := drained(a.Source)
			sum, _ := a.Trailer.First(mustName("X-Sum"))
			if got != "first,last" || f != nil || string(sum) != "10" {
				t.Errorf("read %q, %v, and the trailer says %q", got, f, sum)
			}
			a.Source.Close()
			if in := r.inFlight(); in != 0 {
				t.Errorf("%d leases are still open", in)
			}
		}
		if n := conns.Load(); n != 1 {
			t.Errorf("%d connections to the endpoint, want 1", n)
		}
	})
}

func TestWhatCannotLeaveItsExchangePassesAsItIs(t *testing.T) {
	t.Parallel()
	upper := mapFilter(bytes.ToUpper)
	for _, c := range []struct {
		name, request string
		prepare       func(x *http7.Exchange)
		want          string
	}{
		{"an answer of Weir's", get, func(x *http7.Exchange) { answerBy(x, 200, "mine") }, "mine"},
		{"bytes that have been looked at", get, func(x *http7.Exchange) { x.AnswerAtHand(3) }, "hello"},
		{"a filter that changes bytes", get, func(x *http7.Exchange) { x.Answer.Filters = append(x.Answer.Filters, upper) }, "HELLO"},
	} {
		p := &scripted{answer: func(x *http7.Exchange) http7.Verdict {
			c.prepare(x)
			if a := x.Backstage.TakeAnswer(x); a != nil {
				t.Errorf("%s: taken", c.name)
			}
			return http7.Continue
		}}
		r := newRigWith(t, withSteps(p.step("p.take")), answering(t, hello).addr)
		if got := r.say(c.request); !strings.HasPrefix(got, "HTTP/1.1 200 ") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q", c.name, got)
		}
	}
}

// mapFilter is a filter that makes of each chunk another of the same length.
type mapFilter func([]byte) []byte

func (f mapFilter) Write(dst, chunk []byte, _ http7.How) (out []byte, taken int, done bool, fault *http7.Fault) {
	n := min(len(chunk), cap(dst)-len(dst))
	return append(dst, f(chunk[:n])...), n, n == len(chunk), nil
}

func (mapFilter) Changes() bool { return true }

func TestAnUploadUnderWayKeepsItsAnswer(t *testing.T) {
	t.Parallel()
	bothSides(t, func(t *testing.T, start starter) {
		var tried atomic.Bool
		p := &scripted{answer: func(x *http7.Exchange) http7.Verdict {
			tried.Store(x.Backstage.TakeAnswer(x) == nil)
			return http7.Continue
		}}
		r, c, _ := start(withSteps(p.step("p.take")), func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/1 alone needs it
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			_, _ = io.Copy(w, r.Body)
		})
		body, send := io.Pipe()
		go func() { // ends with the body
			_, _ = io.WriteString(send, "one,")
			eventually(t, "the head is there", func() bool { return p.answers.Load() > 0 })
			_, _ = io.WriteString(send, "two")
			_ = send.Close()
		}()
		res, got := fetch(t, c, request(t, "POST", "http://"+r.addr+"/", body))
		if res.StatusCode != 200 || got != "one,two" || !tried.Load() {
			t.Errorf("got %d %q; refused %v", res.StatusCode, got, tried.Load())
		}
	})
}

// An answer that a policy replaced cost its connection: each 304 to a revalidation would have.
func TestAConnectionIsKeptWhenAPolicyReplacesItsAnswer(t *testing.T) {
	t.Parallel()
	p := &scripted{answer: func(x *http7.Exchange) http7.Verdict {
		answerBy(x, 200, "mine")
		return http7.Continue
	}}
	bothSides(t, func(t *testing.T, start starter) {
		r, c, conns := start(withSteps(p.step("p.replace")), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) })
		for range 3 {
			if res, body := fetch(t, c, request(t, "GET", "http://"+r.addr+"/", nil)); res.StatusCode != 200 || body != "mine" {
				t.Errorf("got %d %q", res.StatusCode, body)
			}
		}
		if n, in := conns.Load(), r.inFlight(); n != 1 || in != 0 {
			t.Errorf("%d connections and %d leases, want 1 and 0", n, in)
		}
	})
}

func TestEndpointsGetWhatAPolicyPutsInPlaceOfTheClients(t *testing.T) {
	t.Parallel()
	p := &scripted{request: func(x *http7.Exchange) http7.Verdict {
		x.Outgoing = http7.Outgoing{
			Skip:  http7.Names(http7.IfNoneMatch, http7.Range, http7.IfRange),
			Lines: []byte("If-None-Match: \"kept\"\r\nIf-Modified-Since: Sat, 21 Nov 2026 08:00:00 GMT\r\n"),
		}
		return http7.Continue
	}}
	bothSides(t, func(t *testing.T, start starter) {
		r, c, _ := start(withSteps(p.step("p.outgoing")), func(w http.ResponseWriter, r *http.Request) {
			for _, name := range []string{"If-None-Match", "If-Modified-Since", "Range", "If-Range", "X-Other"} {
				_, _ = io.WriteString(w, name+"="+strings.Join(r.Header[name], "+")+"\n")
			}
		})
		req := request(t, "GET", "http://"+r.addr+"/", nil)
		req.Header = http.Header{"If-None-Match": {`"theirs"`}, "Range": {"bytes=0-1"}, "If-Range": {`"theirs"`}, "X-Other": {"stays"}}
		want := "If-None-Match=\"kept\"\nIf-Modified-Since=Sat, 21 Nov 2026 08:00:00 GMT\nRange=\nIf-Range=\nX-Other=stays\n"
		if _, body := fetch(t, c, req); body != want {
			t.Errorf("the endpoint got %q, want %q", body, want)
		}
	})
}

// onlyLine returns the only line of an access log.
func onlyLine(t *testing.T, out *bytes.Buffer) (l struct {
	Status, Attempts       int
	Fault, Cache, Endpoint string
}) {
	t.Helper()
	if err := json.Unmarshal(out.Bytes(), &l); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	return l
}

func TestAnAnswerInPlaceOfAFaultIsNoFault(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	stop := func() {}
	p := &scripted{answer: func(x *http7.Exchange) http7.Verdict {
		if x.Fault == nil || x.Fault.Side != http7.Upstream {
			t.Errorf("the fault is %v", x.Fault)
		}
		x.Fault, x.Cached = nil, "error-stale"
		answerBy(x, 200, "stale")
		return http7.Continue
	}}
	hangUp := origin(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) })
	r := newRigWith(t, func(r *rig) {
		once(r)
		r.route.Steps = []http7.Step{p.step("p.stale")}
		stop = logging(r, &out)
	}, hangUp)
	cl := r.client()
	cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	cl.want(200, "stale")
	_ = cl.Close()
	r.idle(t)
	stop()
	if l := onlyLine(t, &out); l.Status != 200 || l.Fault != "" || l.Cache != "error-stale" || l.Attempts != 1 || l.Endpoint != hangUp {
		t.Errorf("logged %+v", l)
	}
	if got := r.metrics(); strings.Contains(got, `kind="upstream_reset"`) {
		t.Errorf("a fault is counted in %s", got)
	}
	if in := r.inFlight(); in != 0 {
		t.Errorf("%d leases are open", in)
	}
}
