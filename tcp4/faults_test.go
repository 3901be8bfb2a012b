package tcp4

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

func TestFaultyEndpointsCostNoSessionThatCouldBeServed(t *testing.T) { faults(t, 2*time.Second) }

// ailment is what a faulty endpoint does to the sessions that it gets.
type ailment uint32

const (
	serves ailment = iota
	resets
	delays
	truncates
	freezes
	refuses
	ailments
)

// faulty is an endpoint at one address whose ailment changes.
type faulty struct {
	t       *testing.T
	address string
	ails    atomic.Uint32

	mu    sync.Mutex
	ln    net.Listener
	conns sync.WaitGroup
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{t: t, address: ln.Addr().String(), ln: ln}
	f.accept(ln)
	t.Cleanup(func() { f.become(refuses); f.conns.Wait() })
	return f
}

// become changes the ailment. One that refuses has no socket.
func (f *faulty) become(a ailment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ails.Store(uint32(a))
	switch {
	case a == refuses && f.ln != nil:
		_ = f.ln.Close()
		f.ln = nil
	case a != refuses && f.ln == nil:
		ln, err := net.Listen("tcp", f.address)
		if err != nil {
			return // its port is in use by a client just now: it refuses a while longer
		}
		f.ln = ln
		f.accept(ln)
	}
}

func (f *faulty) accept(ln net.Listener) {
	f.conns.Go(func() { // ends with ln
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			f.conns.Go(func() { defer c.Close(); f.serve(c.(*net.TCPConn)) })
		}
	})
}

// serve gives one session its share of the ailment.
func (f *faulty) serve(c *net.TCPConn) {
	_ = c.SetDeadline(time.Now().Add(patience)) // the client's is the first to pass
	switch ailment(f.ails.Load()) {
	case resets:
		_, _ = c.Read(make([]byte, 1+rand.IntN(4096)))
		reset(c)
	case delays:
		pause(time.Duration(rand.IntN(30)) * time.Millisecond)
		echo(c)
	case truncates:
		_, _ = io.CopyN(c, c, int64(rand.IntN(4096)))
		_ = c.CloseWrite()
		drink(c)
	case freezes:
		for ailment(f.ails.Load()) == freezes && f.alive(c) {
			pause(10 * time.Millisecond)
		}
		echo(c)
	default:
		echo(c)
	}
}

// alive reports whether the deadline of c is still ahead and the peer there.
func (f *faulty) alive(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	gone := err != nil || onFile(raw, func(fd int) error {
		if errno := socketError(fd); errno != 0 {
			return errno
		}
		return nil
	}) != nil
	return !gone
}

// talk is one session of a client, who says something and wants all of it back.
func talk(address string) (whole bool) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	said := make([]byte, 1+rand.IntN(1<<(4+rand.IntN(14))))
	for i := range said {
		said[i] = byte(rand.Uint32())
	}
	go func() { // ends with c
		for rest := said; len(rest) > 0; {
			n, err := c.Write(rest[:min(len(rest), 1+len(said)/12)])
			if err != nil {
				return
			}
			rest = rest[n:]
		}
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	heard, err := io.ReadAll(c)
	if !bytes.HasPrefix(said, heard) {
		panic("a session was given bytes that are not its own")
	}
	return err == nil && len(heard) == len(said)
}

// faults lets clients talk for a while to one endpoint that is well and three that are not.
func faults(t *testing.T, lasts time.Duration) {
	leavesNothing(t)
	well := newFaulty(t)
	endpoints, ill := []string{well.address}, []*faulty{}
	for range 3 {
		f := newFaulty(t)
		ill, endpoints = append(ill, f), append(endpoints, f.address)
	}
	_, u := upstreamWith(t, func(c *lb.Config) { c.Balance, c.RetryBudget = lb.LeastRequests, conf.Percent(100) }, endpoints...)
	var mu sync.Mutex
	ends := map[string]int{}
	s := relayTo(t, func(c *RelayConfig) {
		c.Upstream, c.Attempts, c.ConnectTimeout = u, 3, patience
		c.Record = func(r *Record) {
			mu.Lock()
			defer mu.Unlock()
			ends[r.End.String()]++
			// A client that loses patience on a busy machine resets; that is not the relay's doing.
			served := r.End == Done && r.BytesIn == r.BytesOut || r.End == ClientReset
			if r.Endpoint == "" || r.Endpoint == well.address && !served {
				t.Errorf("a session that could be served: %+v", *r)
			}
		}
	})
	address := s.listener.Addrs()[0].String()
	var clients sync.WaitGroup
	var whole, torn atomic.Int64
	until := time.Now().Add(lasts)
	for range 8 {
		clients.Go(func() {
			for time.Now().Before(until) && !t.Failed() {
				if talk(address) {
					whole.Add(1)
				} else {
					torn.Add(1)
				}
			}
		})
	}
	for time.Now().Before(until) {
		ill[rand.IntN(len(ill))].become(ailment(rand.IntN(int(ailments))))
		pause(20 * time.Millisecond)
	}
	for _, f := range ill {
		f.become(serves)
	}
	clients.Wait()
	eventually(t, "all sessions over", func() bool { return s.sessions.Active() == 0 })
	for _, m := range u.View().Members() {
		if n := m.Endpoint.InFlight(); n != 0 {
			t.Errorf("%v has %d in flight", m.Endpoint, n)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if t.Logf("%d whole, %d torn; %v", whole.Load(), torn.Load(), ends); whole.Load() < torn.Load() {
		t.Errorf("%d sessions were whole, %d were not", whole.Load(), torn.Load())
	}
}
