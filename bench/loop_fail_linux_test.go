package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// deaf is an address that lets nobody connect and does not say so: its queue of connections is full.
func deaf(t *testing.T) string {
	t.Helper()
	e, address, err := newEndpoint("")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(e.listen, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(e.listen); e.loop.Close() })
	for range 4 {
		// The first fills the queue, the others get no answer: that is what is wanted.
		if c, err := net.DialTimeout("tcp", address, 20*time.Millisecond); err == nil {
			t.Cleanup(func() { c.Close() })
		}
	}
	return address
}

func TestFailuresOfALoopSayWhatHappened(t *testing.T) {
	t.Parallel()
	refused, full := closedPort(t), deaf(t)
	asked := func(then func(*net.TCPConn)) string {
		return listen(t, func(c *net.TCPConn) {
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				then(c)
			}
		})
	}
	for _, c := range []struct {
		what, at string
		want     Kind
		text     string
	}{
		{"nobody listens", refused, Connect, "connect: " + refused + ": connection refused"},
		{"a name without an address", "no..such:80", Connect, "connect: lookup no..such: no such host"},
		{"nobody accepts", full, Connect, "connect: no answer within 1s: i/o timeout"},
		{"no answer comes", asked(waitClosed), Timeout, "no answer within 1s: i/o timeout"},
		{"reset before the answer", asked(func(c *net.TCPConn) { c.SetLinger(0) }), Reset, "connection reset by peer"},
		{"closed before the answer", asked(func(*net.TCPConn) {}), Reset, "the connection was closed before a byte of the answer"},
		{"cut within the head", asked(func(c *net.TCPConn) { io.WriteString(c, "HTTP/1.1 200") }), ShortBody, "answer cut short"},
		{"cut within the body", asked(func(c *net.TCPConn) { io.WriteString(c, fine[:len(fine)-1]) }), ShortBody, "answer cut short"},
		{"reset within the body", asked(func(c *net.TCPConn) {
			io.WriteString(c, fine[:len(fine)-1])
			<-time.After(20 * time.Millisecond) // so that the reset does not overtake the bytes
			c.SetLinger(0)
		}), Reset, "connection reset by peer"},
		{"another protocol", asked(func(c *net.TCPConn) { io.WriteString(c, "220 mail\r\n\r\n"); waitClosed(c) }), Malformed,
			`malformed answer: no status line of HTTP/1.0 or 1.1: "220 mail\r\n\r\n"`},
		{"a status of 503", startEndpoint(t, "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"), Status, "status 503"},
	} {
		for _, rate := range []float64{0, 1000} {
			t.Run(fmt.Sprintf("%s, %v", c.what, rate), func(t *testing.T) {
				t.Parallel()
				patience := 20 * time.Second
				if strings.HasSuffix(c.text, "timeout") {
					patience = time.Second
				}
				r := mustRun(t, Config{Target: "http://" + c.at, Requests: 2, Rate: rate, Timeout: patience})
				var want Failures
				want[c.want] = 2
				if got := r.FirstFailures[c.want.key()]; r.Failures != want || r.OK != 0 || got != c.text {
					t.Errorf("failures %v, %q; want 2 %v, %q", r.Failures, got, c.want, c.text)
				}
			})
		}
	}
}

func TestATimeoutBoundsEachRequestAndFreesItsConnection(t *testing.T) {
	for what, serve := range stalls() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			at := listen(t, func(c *net.TCPConn) {
				if n.Add(1)%2 == 1 {
					serve(c)
				} else {
					answering(fine)(c)
				}
			})
			from := time.Now()
			r := mustRun(t, Config{Target: "http://" + at, Requests: 3, Timeout: time.Second})
			if r.Failures != (Failures{Timeout: 1}) || r.OK != 2 || r.Opened != 2 || time.Since(from) < time.Second {
				t.Errorf("ok %d, %v, %d opened after %v; want a timeout, then two on a fresh connection", r.OK, r.Failures, r.Opened, time.Since(from))
			}
		})
	}
}

func TestManyTimeoutsAreEachOnTheirOwnTime(t *testing.T) {
	t.Parallel()
	at := listen(t, waitClosed)
	r := mustRun(t, Config{Target: "http://" + at, Connections: 20, Rate: 200, Duration: 200 * time.Millisecond, Timeout: time.Second})
	if r.Failures[Timeout] < 20 || r.OK != 0 || r.Elapsed > 15*time.Second {
		t.Errorf("%v in %v", r.Failures, r.Elapsed)
	}
}

func TestAClosedLoopDoesNotSpinOnATargetThatRefuses(t *testing.T) {
	for what, at := range map[string]string{
		"refused": closedPort(t),
		"no name": "no..such:80",
		"closed": listen(t, func(c *net.TCPConn) {
			http.ReadRequest(bufio.NewReader(c))
		}),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := mustRun(t, Config{Target: "http://" + at, Connections: 2, Duration: time.Second})
			if n := r.Failures.Total(); n < 4 || n > 2*r.Elapsed.Milliseconds()+4 {
				t.Errorf("%v in %v on two connections; want at most one a millisecond each", r.Failures, r.Elapsed)
			}
		})
	}
}

func TestAnOpenLoopThatIsRefusedStillAnswersForEverySlot(t *testing.T) {
	r := mustRun(t, Config{Target: "http://" + closedPort(t), Connections: 10, Rate: 5000, Duration: 100 * time.Millisecond})
	if r.Failures[Connect]+r.Unsent != 500 || r.Failures[Connect] == 0 {
		t.Errorf("%v and %d unsent; want 500 in all", r.Failures, r.Unsent)
	}
}

func TestAllAddressesAreTriedInTurn(t *testing.T) {
	t.Parallel()
	parse := netip.MustParseAddrPort
	for _, c := range []struct {
		what      string
		addresses []string
		want      Failures
		timeout   time.Duration
		atLeast   time.Duration
	}{
		{"the second listens", []string{closedPort(t), startEndpoint(t, fine)}, Failures{}, 20 * time.Second, 0},
		{"the third listens", []string{closedPort(t), closedPort(t), startEndpoint(t, fine)}, Failures{}, 20 * time.Second, 0},
		{"the first can't be dialled at all", []string{"[fe80::1%nosuchzone]:80", startEndpoint(t, fine)}, Failures{}, 20 * time.Second, 0},
		{"the first does not answer", []string{deaf(t), startEndpoint(t, fine)}, Failures{}, 3 * time.Second, 1500 * time.Millisecond},
		{"none listens", []string{closedPort(t), closedPort(t)}, Failures{Connect: 3}, 20 * time.Second, 0},
		{"none answers", []string{deaf(t), deaf(t)}, Failures{Connect: 3}, 400 * time.Millisecond, 400 * time.Millisecond},
	} {
		r, e := engineFor(t, Config{Target: "http://127.0.0.1:1", Requests: 3, Timeout: c.timeout, Threads: 1})
		e.addresses = nil
		for _, a := range c.addresses {
			e.addresses = append(e.addresses, parse(a))
		}
		r.start = time.Now()
		got := r.drive(t.Context())
		if got.Failures != c.want || got.OK != 3-c.want.Total() || got.Elapsed < c.atLeast {
			t.Errorf("%s: ok %d, %v (%v) in %v", c.what, got.OK, got.Failures, got.FirstFailures, got.Elapsed)
		}
		if c.want == (Failures{}) && got.Opened != 1 {
			t.Errorf("%s: %d opened; want one that is kept", c.what, got.Opened)
		}
	}
}

// engineFor compiles cfg and makes its loops, to be changed by the test and driven.
func engineFor(t *testing.T, cfg Config) (*run, *loops) {
	t.Helper()
	to, err := cfg.compile()
	if err != nil {
		t.Fatal(err)
	}
	r := &run{cfg: cfg, to: to}
	r.schedule = newSchedule(&r.cfg, r.now)
	if err := r.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r, r.engine.(*loops)
}

func TestTheAddressThatWasReachedIsTriedFirst(t *testing.T) {
	t.Parallel()
	r, e := engineFor(t, Config{Target: "http://127.0.0.1:1", Requests: 50, Fresh: true, Timeout: 4 * time.Second, Threads: 1})
	e.addresses = []netip.AddrPort{netip.MustParseAddrPort(deaf(t)), netip.MustParseAddrPort(startEndpoint(t, fine))}
	r.start = time.Now()
	// The first request waits two seconds for the deaf address; if each did, this would take 100 s.
	if got := r.drive(t.Context()); got.OK != 50 || got.Elapsed > 50*time.Second {
		t.Errorf("ok %d, %v in %v", got.OK, got.Failures, got.Elapsed)
	}
}
