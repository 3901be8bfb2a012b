package tcp4

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

// staged stages a relay to an upstream whose config is edited.
func staged(t testing.TB, edit func(*lb.Config), endpoints ...string) (*stage, *lb.Registry, *lb.Upstream) {
	t.Helper()
	registry, u := upstreamWith(t, edit, endpoints...)
	return relayTo(t, func(c *RelayConfig) { c.Upstream = u }, endpoints...), registry, u
}

func member(u *lb.Upstream, address string) *lb.Endpoint { return u.Find([]byte(address)) }

// session opens a session that has been echoed to.
func (s *stage) session() *net.TCPConn {
	s.t.Helper()
	c := s.dial()
	send(s.t, c, "x")
	expect(s.t, c, "x")
	return c
}

// limited is so many sessions per endpoint, and no line for others.
func limited(n int) func(*lb.Config) {
	return func(c *lb.Config) {
		c.MaxInFlight = lb.AtMost(n)
		c.Queue = &lb.QueueConfig{Timeout: conf.Dur(time.Second)}
	}
}

// queued is one session per endpoint, and a line for others.
func queued(size int, timeout time.Duration) func(*lb.Config) {
	return func(c *lb.Config) {
		limited(1)(c)
		c.Queue = &lb.QueueConfig{Size: size, Timeout: conf.Dur(timeout)}
	}
}

func TestEqualKeysReachEqualEndpoints(t *testing.T) {
	var endpoints []string
	for range 4 {
		endpoints = append(endpoints, endpoint(t, echo))
	}
	for _, balance := range []string{lb.Maglev, lb.Ring} {
		_, u := upstreamWith(t, func(c *lb.Config) { c.Balance = balance }, endpoints...)
		var hash atomic.Uint64
		s := relayTo(t, func(c *RelayConfig) {
			c.Upstream = u
			c.Key = func(netip.Addr) lb.Key { return lb.Key{Hash: hash.Load()} }
		})
		used := map[string]bool{}
		for i := range uint64(12) {
			hash.Store((i + 1) * 0x9e3779b97f4a7c15)
			first := s.oneSession().Endpoint
			if again := s.oneSession().Endpoint; again != first {
				t.Errorf("%s: key %d reached %s and then %s", balance, i, first, again)
			}
			used[first] = true
		}
		if len(used) < 2 {
			t.Errorf("%s: 12 keys share one of 4 endpoints", balance)
		}
	}
}

// oneSession runs a session from its beginning to its end and returns its record.
func (s *stage) oneSession() Record {
	s.t.Helper()
	c := s.session()
	_ = c.Close()
	return s.record()
}

func TestASessionBeyondTheLimitIsRefusedAtOnce(t *testing.T) {
	s, _, u := staged(t, limited(2), endpoint(t, echo))
	first, second := s.session(), s.session()
	s.expectRefusal()
	r := s.record()
	if r.End != NoEndpoint || r.Reason != lb.AllFull || r.Fault() != "all_full" || r.Attempts != 0 || r.Endpoint != "" || r.Queued != 0 {
		t.Errorf("record = %+v", r)
	}
	if n := u.Refused(lb.AllFull); n != 1 {
		t.Errorf("%d refusals are counted, want 1", n)
	}
	_ = first.Close()
	if r := s.record(); r.End != Done || r.Reason != lb.Picked || r.Fault() != "" {
		t.Errorf("record = %+v", r)
	}
	_ = s.session().Close()
	_ = second.Close()
}

func TestALimitHoldsWhateverTheNumberOfClients(t *testing.T) {
	const most, clients = 3, 64
	var mu sync.Mutex
	open, peak := 0, 0
	s, _, _ := staged(t, limited(most), endpoint(t, func(c *net.TCPConn) {
		mu.Lock()
		open++
		peak = max(peak, open)
		mu.Unlock()
		echo(c)
		mu.Lock()
		open--
		mu.Unlock()
	}))
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			c, err := net.Dial("tcp", s.listener.Addrs()[0].String())
			if err != nil {
				return // reset before connect had returned
			}
			_, _ = c.Write([]byte("x"))
			_, _ = c.Read(make([]byte, 1))
			_ = c.(*net.TCPConn).CloseWrite()
			drink(c)
			_ = c.Close()
		})
	}
	group.Wait()
	ends := map[string]int{}
	for range clients {
		r := s.record()
		ends[r.Fault()]++
	}
	mu.Lock()
	defer mu.Unlock()
	// The endpoint notices the end of one session a little after its successor's beginning.
	if peak > 2*most || ends[""]+ends["all_full"] != clients || ends[""] < most {
		t.Errorf("%d sessions at a time, want %d; ends: %v", peak, most, ends)
	}
}

func TestASessionWaitsInLineForRoom(t *testing.T) {
	s, _, u := staged(t, queued(10, patience), endpoint(t, echo))
	first := s.session()
	next := s.dial()
	send(t, next, "y")
	eventually(t, "the second session in line", u.Gate().Queued)
	_ = first.Close()
	expect(t, next, "y")
	if r := s.record(); r.Queued != 0 {
		t.Errorf("the first session waited %s", r.Queued)
	}
	_ = next.Close()
	if r := s.record(); r.End != Done || r.Queued <= 0 || r.Attempts != 1 || r.Reason != lb.Picked {
		t.Errorf("record = %+v", r)
	}
}

func TestALineEndsForOneWithItsPatience(t *testing.T) {
	s, _, u := staged(t, queued(10, 50*time.Millisecond), endpoint(t, echo))
	first := s.session()
	s.expectRefusal()
	if r := s.record(); r.Fault() != "all_full" || r.Queued < 50*time.Millisecond || r.Attempts != 0 {
		t.Errorf("record = %+v", r)
	}
	if u.Gate().Queued() {
		t.Error("somebody is still in line")
	}
	if n := u.Gate().Stats(); n.Queued != 1 || n.ShedTimeout != 1 || n.ShedFull+n.Gone != 0 {
		t.Errorf("the gate counts %+v", n)
	}
	_ = first.Close()
	_ = s.record()
	_ = s.session().Close() // the line works on
}

func TestALineThatIsFullRefusesAtOnce(t *testing.T) {
	s, _, u := staged(t, queued(1, patience), endpoint(t, echo))
	first := s.session()
	waits := s.dial()
	send(t, waits, "y")
	eventually(t, "the second session in line", u.Gate().Queued)
	s.expectRefusal()
	if r := s.record(); r.Fault() != "all_full" || r.Queued > patience/2 {
		t.Errorf("record = %+v", r)
	}
	_ = first.Close()
	expect(t, waits, "y")
}

func TestABreakerThatIsOpenRefusesSessions(t *testing.T) {
	s, _, u := staged(t, func(c *lb.Config) {
		b := lb.DefaultBreaker()
		b.MinRequests = 5
		c.Breaker = &b
	}, deaf(t))
	var r Record
	for range 20 {
		s.expectRefusal()
		if r = s.record(); r.End == NoEndpoint {
			break
		}
	}
	if r.End != NoEndpoint || r.Fault() != "breaker_open" || r.Attempts != 0 {
		t.Errorf("after 20 failures the record is %+v", r)
	}
	if u.Refused(lb.BreakerOpen) == 0 {
		t.Error("no refusal is counted")
	}
}

func TestRetriesEndWithTheirBudget(t *testing.T) {
	// At least 3 a second are always allowed, so this many in one go run into the wall.
	_, u := upstreamWith(t, func(c *lb.Config) { c.RetryBudget = conf.Percent(1) }, frozen(t), frozen(t))
	s := relayTo(t, func(c *RelayConfig) {
		c.Upstream = u
		c.ConnectTimeout = 10 * time.Millisecond
	})
	const sessions = 70
	attempts, began := 0, time.Now()
	for range sessions {
		s.expectRefusal()
		r := s.record()
		if attempts += r.Attempts; r.End != ConnectFailed || r.Attempts < 1 || r.Attempts > 2 {
			t.Fatalf("record = %+v", r)
		}
	}
	// The budget has 30 at once, and what comes with time: a slow machine takes more of it.
	most := 31 + int(3*time.Since(began).Seconds())
	if retries := attempts - sessions; retries < 3 || retries > most {
		t.Errorf("%d of %d sessions were tried again, want some and at most %d, by the budget's 3 a second", retries, sessions, most)
	}
	if stats := u.Gate().Stats(); attempts < 2*sessions && stats.RetriesRefused == 0 {
		t.Errorf("no refused retry is counted: %+v", stats)
	}
}

func TestARefusedConnectTakesNothingFromTheBudget(t *testing.T) {
	// Two of three refuse, and nobody probes them: every session finds the third.
	good := endpoint(t, echo)
	s, _, u := staged(t, func(c *lb.Config) { c.Balance, c.RetryBudget = lb.RoundRobin, conf.Percent(1) }, deaf(t), deaf(t), good)
	for range 100 {
		if r := s.oneSession(); r.End != Done || r.Endpoint != good {
			t.Fatalf("record = %+v", r)
		}
	}
	if stats := u.Gate().Stats(); stats.RetriesRefused != 0 {
		t.Errorf("the budget was asked: %+v", stats)
	}
}

func TestAFrozenEndpointCostsASessionOneConnectTimeout(t *testing.T) {
	t.Parallel()
	const timeout = time.Second // for which a slow machine does not stand still within a connect to the other
	cold := frozen(t)
	_, u := upstreamWith(t, nil, cold, endpoint(t, echo))
	s := relayTo(t, func(c *RelayConfig) {
		c.Upstream = u
		c.ConnectTimeout = timeout
	})
	for range 2 {
		r := s.oneSession()
		if r.End != Done || r.Endpoint == cold {
			t.Errorf("record = %+v", r)
		}
		if r.Attempts == 2 && r.Duration < timeout {
			t.Errorf("the second attempt came after %s", r.Duration)
		}
	}
	e := member(u, cold)
	if e.Ended(lb.ConnectFailed) == 0 || e.Latency() < time.Second {
		t.Errorf("the frozen endpoint has %d failed connects and a latency of %s", e.Ended(lb.ConnectFailed), e.Latency())
	}
}

func TestADrainingEndpointKeepsItsSessionsAndGetsNoOthers(t *testing.T) {
	one, two := endpoint(t, echo), endpoint(t, echo)
	s, registry, u := staged(t, func(c *lb.Config) { c.Balance = lb.LeastRequests }, one, two)
	registry.Judge(lb.ByProbe, lb.Ready, "", registry.Endpoints()...)
	var open []*net.TCPConn
	for range 4 {
		open = append(open, s.session())
	}
	drained := member(u, one)
	before := drained.InFlight()
	registry.Judge(lb.ByOperator, lb.Draining, "a test", drained)
	eventually(t, "the view without the drained endpoint", func() bool { return len(u.View().Candidates()) == 1 })
	for range 4 {
		open = append(open, s.session())
	}
	if before == 0 || drained.InFlight() != before {
		t.Errorf("%d sessions were there, %d are", before, drained.InFlight())
	}
	for _, c := range open {
		send(t, c, "y")
		expect(t, c, "y")
		_ = c.Close()
	}
	eventually(t, "the last session of the drained endpoint gone", func() bool { return drained.InFlight() == 0 })
}

func TestLatencyIsFromTheQuestionToTheFirstByteOfTheAnswer(t *testing.T) {
	const think = 60 * time.Millisecond
	var open chan struct{} // closed when the session is
	for _, c := range []struct {
		what   string
		handle func(*net.TCPConn)
		client func(*net.TCPConn)
		least  time.Duration
		none   bool
	}{
		{
			what:   "it answers after a while",
			handle: func(c *net.TCPConn) { readOne(c); pause(think); _, _ = c.Write([]byte("a")); drink(c) },
			client: func(c *net.TCPConn) { send(t, c, "q"); expect(t, c, "a") },
			least:  think,
		},
		{
			what:   "it speaks first, after a while",
			handle: func(c *net.TCPConn) { <-open; pause(think); _, _ = c.Write([]byte("a")); drink(c) },
			client: func(c *net.TCPConn) { expect(t, c, "a"); send(t, c, "q") },
			least:  think,
		},
		{
			what:   "it never speaks",
			handle: func(c *net.TCPConn) { drink(c) },
			client: func(c *net.TCPConn) { send(t, c, "q") },
			none:   true,
		},
	} {
		open = make(chan struct{})
		s, _, u := staged(t, nil, endpoint(t, c.handle))
		conn := s.dial()
		eventually(t, "the session open", func() bool { return s.sessions.Active() == 1 })
		close(open)
		c.client(conn)
		_ = conn.Close()
		r := s.record()
		if r.FirstByte < c.least || c.none != (r.FirstByte == 0) || r.End != Done {
			t.Errorf("%s: the record is %+v", c.what, r)
		}
		if got := u.View().Members()[0].Endpoint.Latency(); got < c.least || c.least == 0 && got > r.Connect+time.Millisecond {
			t.Errorf("%s: the endpoint's latency is %s", c.what, got)
		}
	}
}

// A client that is slow to ask does not make its endpoint look slow.
func TestAClientsOwnSilenceIsNotLatency(t *testing.T) {
	s, _, _ := staged(t, nil, endpoint(t, echo))
	c := s.dial()
	eventually(t, "the session open", func() bool { return s.sessions.Active() == 1 })
	pause(100 * time.Millisecond)
	asked := time.Now()
	send(t, c, "q")
	expect(t, c, "q")
	took := time.Since(asked)
	_ = c.Close()
	if r := s.record(); r.FirstByte <= 0 || r.FirstByte > took {
		t.Errorf("the latency is %s, and the client had its answer after %s", r.FirstByte, took)
	}
}

func readOne(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }

// pause lets time pass that is part of what is tested.
func pause(d time.Duration) { <-time.After(d) }

// The room is granted to one who finds the breaker open: those behind learn it at once, too.
func TestAGrantThatMeetsAnOpenBreakerIsPassedOn(t *testing.T) {
	s, _, u := staged(t, func(c *lb.Config) {
		queued(10, 10*patience)(c)
		b := lb.DefaultBreaker()
		b.MinRequests = 1
		c.Breaker = &b
	}, endpoint(t, echo))
	held, _ := u.Pick(lb.Key{}, lb.Tried{})
	s.dial()
	s.dial()
	eventually(t, "both in line", func() bool { return u.Gate().Stats().Waiting == 2 })
	held.Done(lb.Outcome{Result: lb.Reset})
	for range 2 {
		if r := s.record(); r.Reason != lb.BreakerOpen {
			t.Errorf("refused for %v after %v in line, where one may stay for %v", r.Reason, r.Queued, 10*patience)
		}
	}
}
