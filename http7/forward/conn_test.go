package forward

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/deadline"
	"weir/internal/sock"
	"weir/lb"
)

// scripted is a transport before one endpoint whose connections the test handles itself.
func scripted(t *testing.T, change func(*Config), handle func(c net.Conn)) *stand {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { // accepts; ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	wheel := deadline.New()
	ctx, stop := context.WithCancel(context.Background())
	go wheel.Run(ctx)
	t.Cleanup(func() { stop(); _ = l.Close() })
	a, err := conf.ParseAddress(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{t: t, reg: lb.NewRegistry(CloseIdle)}
	cfg := lb.Default()
	cfg.Endpoints = []lb.EndpointConfig{{Address: a, Weight: 1}}
	if _, err := s.reg.Adopt("u", cfg); err != nil {
		t.Fatal(err)
	}
	s.endpoint = s.reg.Endpoints()[0]
	fc := unhurried()
	if change != nil {
		change(&fc)
	}
	if s.tr, err = New(&fc, wheel); err != nil {
		t.Fatal(err)
	}
	return s
}

// saying reads a request and writes the answer piece by piece, waiting for the test between two.
func saying(pieces []string, next <-chan struct{}) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			return
		}
		for i, p := range pieces {
			if i > 0 {
				<-next
			}
			if _, err := io.WriteString(c, p); err != nil {
				return
			}
		}
	}
}

var get = []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

// body reads an answer's body; a wait is marked "|".
func body(c *Conn, waited func()) (string, *http7.Fault) {
	var b strings.Builder
	for {
		chunk, s, f := c.Next()
		switch s {
		case http7.Chunk:
			b.Write(chunk)
		case http7.Parked:
			if waited != nil {
				waited()
			}
			c.Await()
		case http7.End:
			return b.String(), nil
		case http7.Failure:
			return b.String(), f
		}
	}
}

func TestBodiesOfEveryFramingAreReadToTheirEnd(t *testing.T) {
	for _, test := range []struct {
		what, answer string
		method       string
		want         string
		fault        *http7.Fault
		kept         bool
	}{
		{"a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "GET", "hello", nil, true},
		{"no bytes", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", "", nil, true},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "GET", "hello", nil, true},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", "", nil, true},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", "GET", "", nil, true},
		{"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET", "", nil, true},
		{"the endpoint closes", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "GET", "hello", nil, false},
		{"until the end", "HTTP/1.1 200 OK\r\n\r\nhello", "GET", "hello", nil, false},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "GET", "hello", nil, false},
		{"a length cut", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "GET", "hello", http7.UpstreamCut, false},
		{"a chunk cut", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "GET", "hel", http7.UpstreamCut, false},
		{"cut before the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "GET", "hello", http7.UpstreamCut, false},
		{"a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "GET", "", http7.BadAnswerChunk, false},
		{"bytes behind the answer", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n", "GET", "hello", nil, false},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := scripted(t, nil, saying([]string{test.answer}, nil))
			c, _ := s.acquire()
			c.AwaitHead(deadline.Now())
			if !c.Ask(get, false) {
				t.Fatal("a fresh connection is not fine")
			}
			if f, cause := c.ReadHead([]byte(test.method)); f != nil {
				t.Fatal(f, cause)
			}
			got, f := body(c, nil)
			if got != test.want || f != test.fault {
				t.Errorf("got %q, %v; want %q, %v", got, f, test.want, test.fault)
			}
			c.Close()
			c.Close() // again does nothing
			want := int64(0)
			if test.kept {
				want = 1
			}
			s.stats(want, want)
		})
	}
}

func TestHeadsThatAreNoneAreFaults(t *testing.T) {
	for _, test := range []struct {
		what, answer string
		want         *http7.Fault
	}{
		{"not HTTP", "SSH-2.0-x\r\n\r\n", http7.BadStatusLine},
		{"a bad field", "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", http7.BadAnswerField},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", http7.BadAnswerFrame},
		{"length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", http7.BadAnswerFrame},
		{"an upgrade that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", http7.UnaskedUpgrade},
		{"a head without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10), http7.AnswerTooLarge},
		{"too many fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 300) + "\r\n", http7.AnswerTooLarge},
		{"half a head", "HTTP/1.1 200 OK\r\nX:", http7.UpstreamReset},
		{"nothing", "", http7.UpstreamReset},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := scripted(t, nil, saying([]string{test.answer}, nil))
			c, _ := s.acquire()
			c.Ask(get, false)
			f, _ := c.ReadHead([]byte("GET"))
			if f != test.want {
				t.Errorf("got %v, want %v", f, test.want)
			}
			c.Close()
			s.stats(0, 0)
		})
	}
}

func TestInterimHeadsComeOneByOne(t *testing.T) {
	s := scripted(t, nil, saying([]string{"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}, nil))
	c, _ := s.acquire()
	c.Ask(get, false)
	for _, want := range []int{103, 102, 200} {
		if c.Headed() {
			t.Fatalf("the final head is there before %d", want)
		}
		if f, cause := c.ReadHead([]byte("GET")); f != nil || c.Answer.Status != want {
			t.Fatalf("status %d, %v, %v; want %d", c.Answer.Status, f, cause, want)
		}
		if has := c.Answer.Header.Len() > 0; has != (want != 102) {
			t.Errorf("%d has %d fields", want, c.Answer.Header.Len())
		}
	}
	if got, f := body(c, nil); got != "ok" || f != nil || !c.Headed() {
		t.Fatalf("%q, %v", got, f)
	}
	c.Close()
	s.stats(1, 1)
}

func TestTrailersAreInPlaceAtTheEnd(t *testing.T) {
	s := scripted(t, nil, saying([]string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n"}, nil))
	c, _ := s.acquire()
	c.Ask(get, false)
	if f, _ := c.ReadHead([]byte("GET")); f != nil {
		t.Fatal(f)
	}
	if _, f := body(c, nil); f != nil {
		t.Fatal(f)
	}
	sum, _ := http7.NewName("X-Sum")
	if v, ok := c.Answer.Trailer.First(sum); !ok || string(v) != "7" {
		t.Fatalf("trailer %q, %v", v, ok)
	}
	c.Close()
}

func TestABodyThatComesInPiecesIsWaitedForWithoutABlock(t *testing.T) {
	next := make(chan struct{})
	s := scripted(t, nil, saying([]string{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab", "cd", "ef"}, next))
	c, _ := s.acquire()
	c.Ask(get, false)
	if f, _ := c.ReadHead([]byte("GET")); f != nil {
		t.Fatal(f)
	}
	waits := 0
	got, f := body(c, func() { waits++; next <- struct{}{} })
	if got != "abcdef" || f != nil || waits != 2 {
		t.Fatalf("%q, %v after %d waits", got, f, waits)
	}
	c.Close()
}

func TestDeadlinesBoundEachStep(t *testing.T) {
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	halfway := func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
		_, _ = io.Copy(io.Discard, c)
	}
	short := conf.Dur(60 * time.Millisecond)
	t.Run("response", func(t *testing.T) {
		s := scripted(t, func(c *Config) { c.Timeouts.Response = short }, silent)
		c, _ := s.acquire()
		c.AwaitHead(deadline.Now())
		c.Ask(get, false)
		if f, _ := c.ReadHead([]byte("GET")); f != http7.UpstreamTimeout {
			t.Errorf("got %v", f)
		}
		c.Close()
		s.stats(0, 0)
	})
	t.Run("between reads", func(t *testing.T) {
		s := scripted(t, func(c *Config) { c.Timeouts.BetweenReads = short }, halfway)
		c, _ := s.acquire()
		c.Ask(get, false)
		if f, _ := c.ReadHead([]byte("GET")); f != nil {
			t.Fatal(f)
		}
		if got, f := body(c, nil); got != "half" || f != http7.UpstreamStalled {
			t.Errorf("got %q, %v", got, f)
		}
		c.Close()
	})
	t.Run("the attempt's limit comes first", func(t *testing.T) {
		s := scripted(t, nil, silent)
		c, f, cause := s.tr.Acquire(s.endpoint, false, 0, nil)
		if f != nil {
			t.Fatal(f, cause)
		}
		begin := deadline.Now()
		c.Begin(s.tr, begin+int64(60*time.Millisecond))
		c.AwaitHead(begin)
		c.Ask(get, false)
		f, _ = c.ReadHead([]byte("GET"))
		if took := deadline.Since(begin, deadline.Now()); f != http7.UpstreamTimeout || took > ample {
			t.Errorf("%v after %v", f, took)
		}
		c.Close()
	})
	t.Run("off waits as long as it takes", func(t *testing.T) {
		next := make(chan struct{})
		s := scripted(t, func(c *Config) { c.Timeouts.Response = conf.OffDuration }, saying([]string{"", answered}, next))
		c, _ := s.acquire()
		c.AwaitHead(deadline.Now())
		time.AfterFunc(100*time.Millisecond, func() { next <- struct{}{} })
		c.Ask(get, false)
		if f, _ := c.ReadHead([]byte("GET")); f != nil {
			t.Error(f)
		}
		c.Close()
	})
}

func TestWhoInterruptsNamesTheFault(t *testing.T) {
	for why, want := range map[sock.Why]*http7.Fault{
		ClientGone: http7.ClientLeft, BodyFailed: http7.BodyCut, sock.DeadlinePassed: http7.UpstreamTimeout,
	} {
		came := make(chan struct{})
		s := scripted(t, nil, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			close(came)
			_, _ = io.Copy(io.Discard, c)
		})
		c, _ := s.acquire()
		go func() { // interrupts once the request is there
			<-came
			c.S.Interrupt(why)
		}()
		c.Ask(get, false)
		if f, _ := c.ReadHead([]byte("GET")); f != want {
			t.Errorf("why %d: %v, want %v", why, f, want)
		}
		c.Close()
		s.stats(0, 0)
	}
}

func TestAStaleConnectionIsToldFromAResetOne(t *testing.T) {
	ask := make(chan struct{}, 1)
	s := scripted(t, nil, func(c net.Conn) { // answers once, then takes one more request and leaves
		b := make([]byte, 4096)
		_, _ = c.Read(b)
		_, _ = io.WriteString(c, answered)
		_, _ = c.Read(b)
		ask <- struct{}{}
	})
	c, reused := s.acquire()
	if reused {
		t.Fatal("the first connection is a reused one")
	}
	s.use(c)
	c, reused = s.acquire()
	if !reused || !c.Idle() {
		t.Fatal("the connection was not kept")
	}
	c.Ask(get, true)
	<-ask
	if f, _ := c.ReadHead([]byte("GET")); f != http7.UpstreamStale {
		t.Fatalf("got %v, want %v", f, http7.UpstreamStale)
	}
	c.Close()
	s.stats(0, 0)
}
