package tcp4

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

func TestSessionsLiveUntilTheGraceIsOverAndAreCut(t *testing.T) {
	leavesNothing(t)
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	c := s.dial()
	send(t, c, "x")
	e := await(t, conns)
	expect(t, e, "x")
	s.listener.StopAccepting()
	grace, over := context.WithCancel(context.Background())
	cut := make(chan int, 1)
	go func() { cut <- s.sessions.Shutdown(grace) }()
	for range 3 { // in the grace it goes on
		send(t, c, "y")
		expect(t, e, "y")
	}
	over()
	if n := await(t, cut); n != 1 || s.sessions.Active() != 0 {
		t.Errorf("%d cut, %d active, want 1 and 0", n, s.sessions.Active())
	}
	expectReset(t, c)
	expectReset(t, e)
	if r := s.record(); r.End != Cut {
		t.Errorf("ended %v, want cut", r.End)
	}
}

func TestShutdownReturnsOnceTheLastSessionIsDone(t *testing.T) {
	s := relayTo(t, nil, endpoint(t, echo))
	c := s.dial()
	send(t, c, "x")
	expect(t, c, "x")
	cut := make(chan int, 1)
	go func() { cut <- s.sessions.Shutdown(context.Background()) }()
	_ = c.CloseWrite()
	expectEnd(t, c)
	if n := await(t, cut); n != 0 {
		t.Errorf("%d cut, want none", n)
	}
}

func TestSessionsAfterTheCutAreReset(t *testing.T) {
	s := relayTo(t, nil, endpoint(t, echo))
	s.sessions.Shutdown(ended())
	s.expectRefusal()
	if r := s.record(); r.End != Cut || r.Attempts != 0 {
		t.Errorf("record = %+v, want cut without an attempt", r)
	}
}

func TestASessionOutlivesItsRelayAndItsEndpointsUpstream(t *testing.T) {
	var a conf.Address
	if err := a.UnmarshalText([]byte(endpoint(t, echo))); err != nil {
		t.Fatal(err)
	}
	registry := lb.NewRegistry(nil)
	u, err := registry.Adopt("gone", lb.Config{Balance: lb.LeastRequests, Endpoints: []lb.EndpointConfig{{Address: a}}})
	if err != nil {
		t.Fatal(err)
	}
	s := relayTo(t, func(c *RelayConfig) { c.Upstream = u })
	c := s.dial()
	send(t, c, "x")
	expect(t, c, "x")
	s.listener.Update(greet("another relay"), Limits{})
	registry.Retire(u)
	for range 10 {
		send(t, c, "y")
		expect(t, c, "y")
	}
	e := u.View().Members()[0].Endpoint
	if e.InFlight() != 1 || s.sessions.Active() != 1 {
		t.Errorf("%d in flight, %d active, want 1 and 1", e.InFlight(), s.sessions.Active())
	}
	_ = c.CloseWrite()
	expectEnd(t, c)
	if r := s.record(); r.End != Done || r.Upstream != "gone" {
		t.Errorf("record = %+v", r)
	}
	if e.InFlight() != 0 || e.Ended(lb.OK) != 1 {
		t.Errorf("%d in flight, %d ok, want 0 and 1", e.InFlight(), e.Ended(lb.OK))
	}
}

func TestManySessionsWithEveryEndLeaveNothing(t *testing.T) {
	leavesNothing(t)
	endpoints := []string{endpoint(t, echo), deaf(t)}
	// Who falls silent has a relay of its own, as on a slow machine others look silent for as long.
	s := relayTo(t, func(c *RelayConfig) { c.ConnectTimeout = patience }, endpoints...)
	silent := relayTo(t, func(c *RelayConfig) {
		c.ConnectTimeout, c.IdleTimeout, c.Record = patience, 100*time.Millisecond, s.relay.cfg.Record
	}, endpoints...)
	const sessions = 400
	var clients sync.WaitGroup
	room := make(chan struct{}, 32)
	for i := range sessions {
		room <- struct{}{}
		clients.Go(func() {
			defer func() { <-room }()
			to := s
			if i%4 == 3 {
				to = silent
			}
			c, err := net.Dial("tcp", to.listener.Addrs()[0].String())
			if err != nil {
				t.Error(err)
				return
			}
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = c.Write(make([]byte, 1+i*7919%200_000))
			one := make([]byte, 1)
			switch i % 4 {
			case 0: // reads all of it
				_ = c.(*net.TCPConn).CloseWrite()
				drink(c)
			case 1: // leaves in the middle
				_, _ = c.Read(one)
				reset(c)
			case 2: // closes without reading
			case 3: // reads, then falls silent until it is cut
				drink(c)
			}
			_ = c.Close()
		})
	}
	clients.Wait()
	ends := map[End]int{}
	for range sessions {
		ends[s.record().End]++
	}
	if ends[Done] < sessions/4 || ends[Idle] != sessions/4 || ends[ConnectFailed]+ends[NoEndpoint]+ends[Cut]+ends[EndpointReset] != 0 {
		t.Errorf("ends: %v", ends)
	}
	for _, stage := range []*stage{s, silent} {
		for _, m := range stage.relay.cfg.Upstream.View().Members() {
			if n := m.Endpoint.InFlight(); n != 0 {
				t.Errorf("%v: %d in flight after all have ended", m.Endpoint, n)
			}
		}
	}
}

func TestShutdownUnderLoadEndsEverySession(t *testing.T) {
	leavesNothing(t)
	s := relayTo(t, nil, endpoint(t, echo))
	address := s.listener.Addrs()[0].String()
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() {
			for { // until the listener is gone
				c, err := net.Dial("tcp", address)
				if errors.Is(err, syscall.ECONNRESET) {
					continue // cut before connect had returned
				}
				if err != nil {
					return
				}
				_ = c.SetDeadline(time.Now().Add(patience))
				_, _ = c.Write([]byte("x"))
				_, _ = c.Read(make([]byte, 1))
				_ = c.Close()
			}
		})
	}
	for range 50 {
		_ = s.record()
	}
	s.listener.StopAccepting()
	s.sessions.Shutdown(ended())
	clients.Wait()
	if n := s.sessions.Active(); n != 0 {
		t.Errorf("%d sessions are active after Shutdown", n)
	}
}

// roundTrip sends one small message through the relay and waits for its echo.
func roundTrip(t testing.TB, c net.Conn, message, answer []byte) {
	if _, err := c.Write(message); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(answer); {
		m, err := c.Read(answer[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
}

// echoSmall echoes without the splice of io.Copy.
func echoSmall(c *net.TCPConn) {
	for buf := make([]byte, 4096); ; {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		_, _ = c.Write(buf[:n])
	}
}

func TestMessagesAllocateNothing(t *testing.T) {
	messages := 100_000
	if raced { // when nothing is judged but that they pass
		messages = 2000
	}
	s := relayTo(t, nil, endpoint(t, echoSmall))
	c := s.dial()
	_ = c.SetDeadline(time.Time{})
	message, answer := make([]byte, 64), make([]byte, 64)
	for range messages / 10 {
		roundTrip(t, c, message, answer)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range messages {
		roundTrip(t, c, message, answer)
	}
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n >= 500 && !raced {
		t.Errorf("%d round trips added %d heap objects, want fewer than 500", messages, n)
	} else {
		t.Logf("%d round trips added %d heap objects", messages, n)
	}
}

func TestAnIdleSessionHoldsNoBuffer(t *testing.T) {
	var made atomic.Int64
	s := relayTo(t, nil, endpoint(t, echo))
	s.sessions.buffers.New = func() any { made.Add(1); return &buffer{make([]byte, bufferSize)} }
	var clients []net.Conn
	const sessions = 200
	for range sessions {
		c := s.dial()
		send(t, c, "x")
		expect(t, c, "x")
		clients = append(clients, c)
	}
	// As many directions wait as there would be buffers, if a direction kept one.
	if n := made.Load(); n >= 2*sessions {
		t.Errorf("%d buffers were made for %d sessions that wait", n, len(clients))
	}
}
