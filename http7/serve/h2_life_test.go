package serve

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"weir/http7"
	"weir/internal/conf"
)

func TestADrainSaysGoAwayAndLetsStreamsFinish(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	o := origin(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		close(asked)
		<-answer
		_, _ = io.WriteString(c, hello)
	})
	r, _ := h2c(t, nil, o)
	f, idle := r.newFrames(), r.newFrames()
	f.ask(1, true)
	<-asked
	empty := r.engine.Drain()
	away := func(f *frames) {
		for {
			fr, err := f.fr.ReadFrame()
			if err != nil {
				t.Fatalf("no GOAWAY: %v", err)
			}
			if g, ok := fr.(*http2.GoAwayFrame); ok {
				if g.ErrCode != http2.ErrCodeNo {
					t.Errorf("GOAWAY says %v", g.ErrCode)
				}
				return
			}
		}
	}
	away(f)
	away(idle)
	close(answer)
	if got := f.outcome(1); got != "200 hello" {
		t.Errorf("the stream under way came to %q", got)
	}
	comes(t, "the end of the drain", empty)
}

func TestARequestThatCrossesADrainOverH2IsServed(t *testing.T) {
	t.Parallel()
	r, _ := h2c(t, nil, saying(t, hello))
	f := r.newFrames()
	f.ask(1, true)
	if got := f.outcome(1); got != "200 hello" {
		t.Fatal(got)
	}
	empty := r.engine.Drain()
	f.ask(3, true) // before it has heard of it
	var said []string
	for over := false; !over; {
		switch fr, err := f.fr.ReadFrame(); fr := fr.(type) {
		case *http2.GoAwayFrame:
			said = append(said, fmt.Sprint(fr.ErrCode, " ", fr.LastStreamID))
		case *http2.MetaHeadersFrame:
			said = append(said, fmt.Sprint(fr.StreamID, " ", fr.PseudoValue("status")))
		case nil:
			over = err != nil
		}
	}
	slices.Sort(said) // the answer may overtake
	if got := strings.Join(said, ", "); got != "3 200, NO_ERROR 2147483647, NO_ERROR 3" {
		t.Error(got)
	}
	comes(t, "the end of the drain", empty)
}

func TestACutEndsWhatIsUnderWayOverH2(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"before the answer": "", "in the answer": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{})
			o := origin(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, first)
				close(asked)
				_, _ = io.Copy(io.Discard, c)
			})
			r, _ := h2c(t, once, o)
			f := r.newFrames()
			f.ask(1, true)
			<-asked
			empty := r.engine.Drain()
			r.engine.Cut()
			if got := f.outcome(1); strings.HasPrefix(got, "200 hello") && !strings.Contains(got, "reset") || !strings.Contains(got, "reset") && !strings.Contains(got, "connection") {
				t.Errorf("the stream came to %q", got)
			}
			comes(t, "the end of the drain", empty)
		})
	}
}

func TestSlowClientsOverH2AreCut(t *testing.T) {
	t.Parallel()
	large := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 1_000_000))
	stall := func(r *rig) { r.site.Limits.WriteStall = 400 * time.Millisecond }
	t.Run("a body that does not come", func(t *testing.T) {
		t.Parallel()
		r, _ := h2c(t, func(r *rig) { r.route.Timeout = 300 * time.Millisecond }, echo(t))
		f := r.newFrames()
		f.ask(1, false, ":method", "POST", "content-length", "5")
		_ = f.fr.WriteData(1, false, []byte("h"))
		if got := f.outcome(1); !strings.HasPrefix(got, "504") && !strings.HasPrefix(got, "200 reset") && !strings.HasPrefix(got, "200 h reset") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a body slower than the rate", func(t *testing.T) {
		t.Parallel()
		r, _ := h2c(t, nil, answering(t, hello).addr)
		f := r.newFrames()
		takes(t, rateGrace, func() {
			f.ask(1, false, ":method", "POST", "content-length", "5")
			if got := f.outcome(1); !strings.HasPrefix(got, "408") {
				t.Errorf("got %q", got)
			}
		})
	})
	t.Run("a window that stays shut, of a large answer", func(t *testing.T) {
		t.Parallel()
		r, _ := h2c(t, stall, large.addr)
		f := r.newFrames()
		f.ask(1, true)
		if got := f.outcome(1); !strings.HasSuffix(got, "reset: INTERNAL_ERROR") {
			t.Errorf("got %.20q and %d bytes", got, len(got))
		}
		r.faulted(t, "client_stalled")
		f.ask(3, true, ":method", "HEAD")
		if got := f.outcome(3); !strings.HasPrefix(got, "200") {
			t.Errorf("the next request came to %q", got)
		}
	})
	t.Run("a window that stays shut, of a small answer", func(t *testing.T) {
		t.Parallel()
		r, _ := h2c(t, stall, answering(t, hello).addr)
		f := r.newFrames(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		f.ask(1, true)
		if got := f.outcome(1); !strings.HasPrefix(got, "connection: ended") {
			t.Errorf("got %q", got)
		}
		r.idle(t)
	})
	t.Run("a connection that is not read from", func(t *testing.T) {
		t.Parallel()
		r, _ := h2c(t, stall, large.addr)
		f := r.newFrames(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		_ = f.fr.WriteWindowUpdate(0, 1<<30)
		for i := range uint32(20) {
			f.ask(1+2*i, true)
		}
		r.idleAfter(t)
	})
}

// idleAfter waits until a connection has been there and gone.
func (r *rig) idleAfter(t *testing.T) {
	t.Helper()
	eventually(t, "a connection is there", func() bool {
		r.engine.mu.Lock()
		defer r.engine.mu.Unlock()
		return len(r.engine.carriers) > 0
	})
	r.idle(t)
}

// faulted waits until a fault of that name has been counted.
func (r *rig) faulted(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" is counted", func() bool { return strings.Contains(r.metrics(), `kind="`+name+`"} 1`) })
}

func (r *rig) metrics() string {
	var b strings.Builder
	r.series.WritePrometheus(&b)
	return b.String()
}

func TestAClientMaySendABodyInOneFrameSlowly(t *testing.T) {
	t.Parallel()
	r, _ := h2c(t, func(r *rig) { r.site.Limits.BodyRate = 1000 }, answering(t, hello).addr)
	f := r.newFrames()
	_ = f.nc.SetDeadline(time.Now().Add(30 * time.Second))
	f.ask(1, false, ":method", "POST", "content-length", "14000")
	// One frame at 2000 bytes a second takes 7 s, of which the library shows nothing before its end.
	_, _ = f.nc.Write([]byte{0, 14000 >> 8, 14000 & 0xff, 0, 1, 0, 0, 0, 1})
	part := make([]byte, 200)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 70 {
		if _, err := f.nc.Write(part); err != nil {
			t.Fatal(err)
		}
		<-tick.C
	}
	if got := f.outcome(1); got != "200 hello" {
		t.Errorf("got %q", got)
	}
}

func TestAPanicOverH2IsA500AndTheConnectionLivesOn(t *testing.T) {
	t.Parallel()
	panics := 0
	p := &scripted{request: func(x *http7.Exchange) http7.Verdict {
		if string(x.Path) == "/bad" {
			panic("no")
		}
		return http7.Continue
	}}
	r, _ := h2c(t, func(r *rig) {
		r.route.Steps = []http7.Step{p.step("p.panic")}
		r.engine.Panicked = func(any, []byte) { panics++ }
	}, answering(t, hello).addr)
	f := r.newFrames()
	f.ask(1, true, ":path", "/bad")
	if got := f.outcome(1); !strings.HasPrefix(got, "500") || panics != 1 {
		t.Errorf("got %q, %d panics", got, panics)
	}
	f.ask(3, true)
	if got := f.outcome(3); got != "200 hello" {
		t.Errorf("the next came to %q", got)
	}
}

func TestTimeoutsOfTheEndpointOverH2(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, first, want string
		change            func(*rig)
	}{
		{"no head in time", "", "504", func(r *rig) { r.forward.Timeouts.Response = conf.Dur(200 * time.Millisecond) }},
		{"no head before the route's end", "", "504", func(r *rig) { r.route.Timeout = 200 * time.Millisecond }},
		{"no more of a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "200 hello reset: INTERNAL_ERROR", func(r *rig) { r.forward.Timeouts.BetweenReads = conf.Dur(200 * time.Millisecond) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, _ := h2c(t, func(r *rig) { once(r); c.change(r) }, mute(t, c.first))
			f := r.newFrames()
			f.ask(1, true)
			if got := f.outcome(1); !strings.HasPrefix(strings.Replace(got, " reset", " hello reset", 1), c.want) && !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestManyStreamsAtOnce(t *testing.T) {
	t.Parallel()
	_, client := h2c(t, nil, echo(t))
	done := make(chan string, 200)
	for i := range 200 {
		go func() { // one request; ends with it
			want := strings.Repeat(strconv.Itoa(i)+" ", 3000)
			res, err := client.Post("http://a.test/", "a/b", strings.NewReader(want))
			if err != nil {
				done <- err.Error()
				return
			}
			got, err := io.ReadAll(res.Body)
			if err != nil || string(got) != want {
				done <- "wrong body"
			}
			_ = res.Body.Close()
			done <- ""
		}()
	}
	for range 200 {
		if trouble := <-done; trouble != "" {
			t.Error(trouble)
		}
	}
}

// newH2Front is a TLS listener that offers h2, before an engine that covers what covers says.
func newH2Front(t *testing.T, r *rig) (*front, *http.Client) {
	t.Helper()
	f := newFrontOffering(t, r, "h2", "http/1.1")
	tr := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: f.client.Clone(), DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, f.addr)
	}}
	tr.Protocols.SetHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return f, &http.Client{Transport: tr}
}

func TestOverTLSH2IsChosenByALPN(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	r := newRigWith(t, func(r *rig) {
		r.site.Protocols = H1 | H2
		r.site.AltSvc = []byte(`h3=":443"; ma=86400`)
		r.site.Covers = func(sni, host string) bool { return sni == "localhost" && host == "other.test" }
	}, o.addr)
	f, client := newH2Front(t, r)
	for host, want := range map[string]int{"localhost": 200, "LOCALHOST:8443": 200, "other.test": 200, "third.test": 421, "127.0.0.1": 421} {
		req := request(t, "GET", "https://localhost/", nil)
		req.Host = host
		res, _ := fetch(t, client, req)
		if res.StatusCode != want || res.ProtoMajor != 2 || res.Header.Get("Alt-Svc") != `h3=":443"; ma=86400` {
			t.Errorf("%s over h2: got %v, want %d", host, res, want)
		}
		got, _ := f.say(t, "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 "+strconv.Itoa(want)) || !strings.Contains(got, "\r\nAlt-Svc: h3=") {
			t.Errorf("%s over h1: got %q, want %d", host, got, want)
		}
	}
	whole, _ := o.seen()
	if !strings.Contains(whole[0], "X-Forwarded-Proto: https\r\n") {
		t.Errorf("the endpoint got %q", whole[0])
	}
}
