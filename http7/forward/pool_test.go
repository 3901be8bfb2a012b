package forward

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/deadline"
	"weir/lb"
)

const answered = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// stand is a transport before one endpoint.
type stand struct {
	t        *testing.T
	tr       *Transport
	endpoint *lb.Endpoint
	reg      *lb.Registry
	wheel    *deadline.Wheel
	accepted chan net.Conn
}

// ample is how long what must come is waited for: much more than a busy machine takes, and less than the timeouts of
// unhurried.
const ample = 20 * time.Second

// unhurried is the default with more time to connect: a busy machine takes more than 1 s at times.
func unhurried() Config {
	c := Default()
	c.Timeouts.Connect = conf.Dur(time.Minute)
	return c
}

// newStand starts an endpoint that answers every request alike.
func newStand(t *testing.T, change func(*Config)) *stand {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{t: t, reg: lb.NewRegistry(CloseIdle), accepted: make(chan net.Conn, 100)}
	go s.accept(l)
	wheel := deadline.New()
	s.wheel = wheel
	ctx, stop := context.WithCancel(context.Background())
	go wheel.Run(ctx)
	t.Cleanup(func() { stop(); _ = l.Close() })
	cfg := lb.Default()
	a, err := conf.ParseAddress(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Endpoints = []lb.EndpointConfig{{Address: a, Weight: 1}}
	if _, err := s.reg.Adopt("u", cfg); err != nil {
		t.Fatal(err)
	}
	for _, e := range s.reg.Endpoints() {
		s.endpoint = e
	}
	fc := unhurried()
	if change != nil {
		change(&fc)
	}
	if s.tr, err = New(&fc, wheel); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stand) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.accepted <- c
		go func() { // serves c; ends with it
			r := bufio.NewReader(c)
			for {
				for line := ""; line != "\r\n"; {
					if line, err = r.ReadString('\n'); err != nil {
						return
					}
				}
				_, _ = io.WriteString(c, answered)
			}
		}()
	}
}

// acquire returns a connection and whether it was used before.
func (s *stand) acquire() (c *Conn, reused bool) {
	s.t.Helper()
	c, f, cause := s.tr.Acquire(s.endpoint, false, 0, nil)
	if f != nil {
		s.t.Fatal(f, cause)
	}
	c.Begin(s.tr, 0)
	return c, c.Reused()
}

// use makes one attempt on c and closes it.
func (s *stand) use(c *Conn) {
	s.t.Helper()
	if _, err := c.S.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		s.t.Fatal(err)
	}
	c.RequestSent()
	c.AwaitHead(deadline.Now())
	if f, cause := c.ReadHead([]byte("GET")); f != nil || c.Answer.Status != 200 || c.Answer.Length != 5 {
		s.t.Fatal(f, cause)
	}
	body := ""
	for {
		b, state, f := c.Next()
		switch state {
		case http7.Chunk:
			body += string(b)
		case http7.Parked:
			c.Await()
		case http7.Failure:
			s.t.Fatal(f)
		case http7.End:
			if body != "hello" {
				s.t.Fatalf("body %q", body)
			}
			c.Close()
			return
		}
	}
}

func (s *stand) stats(open, idle int64) {
	s.t.Helper()
	if o, i := Stats(s.endpoint); o != open || i != idle {
		s.t.Errorf("%d open, %d idle; want %d, %d", o, i, open, idle)
	}
}

func until(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(ample); !is(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

func TestTheConnectionUsedLastIsTakenFirst(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.stats(0, 0)
	a, _ := s.acquire()
	b, _ := s.acquire()
	s.stats(2, 0)
	s.use(a)
	s.use(b)
	s.stats(2, 2)
	if c, reused := s.acquire(); c != b || !reused {
		t.Error("not the one used last")
	}
	if c, _ := s.acquire(); c != a {
		t.Error("not the other")
	}
}

func TestFreshIsFresh(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	a, _ := s.acquire()
	s.use(a)
	c, f, _ := s.tr.Acquire(s.endpoint, true, 0, nil)
	if f != nil || c == a {
		t.Fatalf("an old one, or %v", f)
	}
	s.stats(2, 1)
}

func TestNoMoreThanIdleAreKeptTheOldestGoes(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(c *Config) { c.Connections.Idle = conf.AtMost(2) })
	var all []*Conn
	for range 3 {
		c, _ := s.acquire()
		all = append(all, c)
	}
	for _, c := range all {
		s.use(c)
	}
	s.stats(2, 2)
	if c, _ := s.acquire(); c != all[2] {
		t.Error("not the one used last")
	}
	if c, _ := s.acquire(); c != all[1] {
		t.Error("the oldest was kept")
	}
}

func TestKeepAliveEndsIdleConnections(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(c *Config) { c.Connections.KeepAlive = conf.Dur(50 * time.Millisecond) })
	c, _ := s.acquire()
	s.use(c)
	far := <-s.accepted
	until(t, func() bool { open, idle := Stats(s.endpoint); return open == 0 && idle == 0 })
	until(t, func() bool { _, err := far.Write([]byte("x")); return err != nil })
}

func TestMaxAgeEndsReuse(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(c *Config) { c.Connections.MaxAge = conf.Dur(30 * time.Millisecond) })
	a, _ := s.acquire()
	s.use(a)
	<-time.After(50 * time.Millisecond)
	c, reused := s.acquire()
	if reused {
		t.Error("an aged connection is used again")
	}
	<-time.After(50 * time.Millisecond)
	s.use(c)
	s.stats(0, 0)
}

func TestARemovedEndpointClosesItsConnections(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	idle, _ := s.acquire()
	busy, _ := s.acquire()
	s.use(idle)
	CloseIdle(s.endpoint)
	s.stats(1, 0)
	s.use(busy)
	s.stats(0, 0)
}

func TestWhatIsNotWholeIsNotKept(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Conn){
		"cut":       func(c *Conn) { c.complete, c.sent = true, true; c.Cut() },
		"half sent": func(c *Conn) { c.complete = true; c.Close() },
		"half read": func(c *Conn) { c.sent = true; c.Close() },
		"interrupted": func(c *Conn) {
			c.complete, c.sent, c.head.KeepAlive = true, true, true
			c.S.Interrupt(ClientGone)
			c.Close()
		},
		"told to end": func(c *Conn) { c.complete, c.sent = true, true; c.head.KeepAlive = false; c.Close() },
	} {
		s := newStand(t, nil)
		c, _ := s.acquire()
		spoil(c)
		if open, idle := Stats(s.endpoint); open != 0 || idle != 0 {
			t.Errorf("%s: %d open, %d idle", name, open, idle)
		}
		c.Close() // again is nothing
		s.stats(0, 0)
	}
}

func TestAReusedConnectionThatSpeaksIsNotIdle(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	c, _ := s.acquire()
	if !c.Idle() {
		t.Error("a fresh one is fine whatever it says")
	}
	s.use(c)
	_, _ = io.WriteString(<-s.accepted, "HTTP/1.1 408 Request Timeout\r\n\r\n")
	until(t, func() bool { c, _ := s.acquire(); return !c.Idle() || !c.Reused() })
}
