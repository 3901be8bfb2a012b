package serve

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

func TestATunnelMayBeClosedByHalves(t *testing.T) {
	t.Parallel()
	t.Run("by the client", func(t *testing.T) {
		t.Parallel()
		got := make(chan string, 1)
		r := newRig(t, switching(t, func(c net.Conn, b *bufio.Reader) {
			all, _ := io.ReadAll(b)
			got <- string(all)
			_, _ = io.WriteString(c, "still here")
		}))
		cl := r.tunnel()
		cl.send("that was all")
		_ = cl.Conn.(*net.TCPConn).CloseWrite()
		if all := <-got; all != "that was all" {
			t.Errorf("the endpoint got %q", all)
		}
		if all, err := io.ReadAll(cl.r); string(all) != "still here" || err != nil {
			t.Errorf("the client got %q, %v", all, err)
		}
		r.idle(t)
	})
	t.Run("by the endpoint", func(t *testing.T) {
		t.Parallel()
		got := make(chan string, 1)
		r := newRig(t, switching(t, func(c net.Conn, b *bufio.Reader) {
			_, _ = io.WriteString(c, "that was all")
			_ = c.(*net.TCPConn).CloseWrite()
			all, _ := io.ReadAll(b)
			got <- string(all)
		}))
		cl := r.tunnel()
		if all, err := io.ReadAll(cl.r); string(all) != "that was all" || err != nil {
			t.Errorf("the client got %q, %v", all, err)
		}
		cl.send("still here")
		_ = cl.Close()
		if all := <-got; all != "still here" {
			t.Errorf("the endpoint got %q", all)
		}
		r.idle(t)
	})
}

func TestASideThatIsResetResetsTheOther(t *testing.T) {
	t.Parallel()
	t.Run("the client", func(t *testing.T) {
		t.Parallel()
		ended := make(chan error, 1)
		r := newRig(t, switching(t, func(c net.Conn, b *bufio.Reader) {
			_, err := io.Copy(c, b)
			ended <- err
		}))
		cl := r.tunnel()
		cl.says("a", "a")
		_ = cl.Conn.(*net.TCPConn).SetLinger(0)
		_ = cl.Close()
		if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the endpoint saw %v", err)
		}
	})
	t.Run("the endpoint", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, switching(t, func(c net.Conn, b *bufio.Reader) {
			_, _ = b.ReadByte()
			_ = c.(*net.TCPConn).SetLinger(0)
		}))
		cl := r.tunnel()
		cl.send("a")
		wasReset(t, cl.r)
	})
}

// tunnelLine is what the access log says of a tunnel.
type tunnelLine struct {
	Method, Host, Target, Route, Upstream, Endpoint, Fault string
	Status, Attempts                                       int
	BytesIn                                                int64 `json:"bytes_in"`
	BytesOut                                               int64 `json:"bytes_out"`
	Dur                                                    int64 `json:"dur_us"`
	FirstByte                                              int64 `json:"first_byte_us"`
}

// oneLine is the line of the one tunnel that through has made.
func oneLine(t *testing.T, origin string, change func(*rig), through func(*rig)) (line tunnelLine) {
	t.Helper()
	var out bytes.Buffer
	stop := func() {}
	r := newRigWith(t, func(r *rig) {
		stop = logging(r, &out)
		if change != nil {
			change(r)
		}
	}, origin)
	through(r)
	r.idle(t)
	r.settled()
	stop()
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %q", err, out.Bytes())
	}
	return line
}

func TestTheLogOfATunnel(t *testing.T) {
	t.Parallel()
	idle := func(r *rig) { r.forward.Timeouts.TunnelIdle = conf.Dur(2 * time.Second) } // for its client hears of the tunnel first
	for _, c := range []struct {
		what    string
		change  func(*rig)
		through func(*client, *rig)
		fault   string
		in, out int64
	}{
		{"an end in order", nil, func(cl *client, _ *rig) { cl.says("hello", "hello") }, "", 5, 5},
		{"a client that resets", nil, func(cl *client, _ *rig) {
			cl.says("hello", "hello")
			_ = cl.Conn.(*net.TCPConn).SetLinger(0)
		}, "client_left", 5, 5},
		{"an idle one", idle, func(cl *client, _ *rig) { wasReset(cl.t, cl.r) }, "tunnel_idle", 0, 0},
		{"one that is cut", nil, func(cl *client, r *rig) { r.engine.Cut(); wasReset(cl.t, cl.r) }, "stopping", 0, 0},
		{"an endpoint that resets", nil, func(cl *client, r *rig) { cl.send("reset"); wasReset(cl.t, cl.r) }, "upstream_cut", 5, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			origin := switching(t, func(conn net.Conn, b *bufio.Reader) {
				if word, _ := b.Peek(5); string(word) == "reset" {
					_, _ = b.Discard(5)
					_ = conn.(*net.TCPConn).SetLinger(0)
					return
				}
				echoing(conn, b)
			})
			line := oneLine(t, origin, c.change, func(r *rig) {
				cl := r.tunnel()
				c.through(cl, r)
				_ = cl.Close()
			})
			if line.Dur < line.FirstByte || line.FirstByte == 0 || line.Endpoint != origin {
				t.Errorf("%+v", line)
			}
			line.Dur, line.FirstByte, line.Endpoint = 0, 0, ""
			want := tunnelLine{Method: "GET", Host: "a", Target: "/chat", Route: "all", Upstream: "u", Fault: c.fault, Status: 101, Attempts: 1, BytesIn: c.in, BytesOut: c.out}
			if line != want {
				t.Errorf("%+v, want %+v", line, want)
			}
		})
	}
}

func TestAnIdleTunnelIsResetAndABusyOneIsNot(t *testing.T) {
	t.Parallel()
	patiently(t, 400*time.Millisecond, func(d time.Duration) error {
		ended := make(chan error, 1)
		r := newRigWith(t, func(r *rig) { r.forward.Timeouts.TunnelIdle = conf.Dur(d) }, switching(t, func(c net.Conn, b *bufio.Reader) {
			_, err := io.Copy(c, b)
			ended <- err
		}))
		cl := r.client()
		cl.send(upgrade)
		if head, err := readHead(cl.r); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			return fmt.Errorf("got %q, %w", head, err)
		}
		last := time.Now()
		for range 8 { // twice the bound
			last = time.Now()
			cl.send("x")
			if _, err := cl.r.ReadByte(); err != nil {
				return fmt.Errorf("reset while it is in use: %w", err)
			}
			<-time.After(d / 4)
		}
		wasReset(t, cl.r)
		if idle := time.Since(last); idle < d || idle > ample {
			t.Errorf("idle for %v, want %v or a little more", idle, d)
		}
		if err := comes(t, "the end at the endpoint", ended); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the endpoint saw %v", err)
		}
		return nil
	})
}

func TestTheRoutesTimeoutEndsWithTheHead(t *testing.T) {
	t.Parallel()
	patiently(t, 200*time.Millisecond, func(d time.Duration) error { // until the head comes in time
		heads := make(chan string, 1)
		r := newRigWith(t, func(r *rig) {
			once(r)
			r.route.Timeout = d
			r.forward.Timeouts.Response = conf.Dur(d * 3 / 4)
			r.forward.Timeouts.BetweenReads = conf.Dur(d / 2)
		}, origin(t, func(c net.Conn) {
			b := bufio.NewReader(c)
			head, _ := readHead(b)
			heads <- head
			_, _ = io.WriteString(c, switched)
			echoing(c, b)
		}))
		cl := r.client()
		cl.send(upgrade)
		if head, err := readHead(cl.r); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			return fmt.Errorf("got %q, %w", head, err)
		}
		if head := <-heads; strings.Contains(head, "X-Timeout-Ms") {
			t.Errorf("an endpoint would take this for the tunnel's end: %q", head)
		}
		if err := cl.noise(2 * d); err != nil { // the head came when the time was up
			return err
		}
		cl.says("still", "still")
		return nil
	})
}

func TestAnUpgradeThatIsNotAnsweredInTimeIs504(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) { r.route.Timeout = 200 * time.Millisecond }, mute(t, ""))
	cl := r.client()
	cl.send(upgrade)
	cl.wantStatus("504")
}

func TestATunnelOutlivesADrainAndNotACut(t *testing.T) {
	t.Parallel()
	r := newRig(t, switching(t, echoing))
	cl := r.tunnel()
	empty := r.engine.Drain()
	select {
	case <-empty:
		t.Fatal("the tunnel is gone")
	case <-time.After(quiet + 300*time.Millisecond): // what is idle is gone
	}
	cl.says("hello", "hello")
	if got := r.openTunnels(); got != "1" {
		t.Errorf("%s tunnels are counted", got)
	}
	r.engine.Cut()
	wasReset(t, cl.r)
	<-empty
	if got := r.openTunnels(); got != "0" {
		t.Errorf("%s tunnels are counted in the end", got)
	}
}

// openTunnels is what the metrics say.
func (r *rig) openTunnels() string {
	_, n, _ := strings.Cut(r.metrics(), `weir_listener_tunnels_active{listener="web"} `)
	n, _, _ = strings.Cut(n, "\n")
	return n
}

func TestALeaseLastsAsLongAsTheTunnel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what string
		end  func(*client)
		want lb.Result
	}{
		{"in order", func(cl *client) { _ = cl.Close() }, lb.OK},
		{"by the client's reset", func(cl *client) { _ = cl.Conn.(*net.TCPConn).SetLinger(0); _ = cl.Close() }, lb.Cancelled},
		{"by the endpoint's", func(cl *client) { cl.send("!"); wasReset(cl.t, cl.r) }, lb.Reset},
	} {
		r := newRig(t, switching(t, func(c net.Conn, b *bufio.Reader) {
			if first, _ := b.ReadByte(); first == '!' {
				_ = c.(*net.TCPConn).SetLinger(0)
			}
		}))
		e := r.plan.Upstream.View().Members()[0].Endpoint
		cl := r.tunnel()
		if n := e.InFlight(); n != 1 {
			t.Errorf("%s: %d in flight", c.what, n)
		}
		c.end(cl)
		r.settled()
		if e.InFlight() != 0 || e.Ended(c.want) != 1 {
			t.Errorf("%s: %d in flight, %d ended as wanted", c.what, e.InFlight(), e.Ended(c.want))
		}
	}
}

func TestAClientThatTakesNothingOfATunnelIsCut(t *testing.T) {
	t.Parallel()
	patiently(t, 400*time.Millisecond, func(d time.Duration) error {
		ended := make(chan error, 2)
		r := newRigWith(t, func(r *rig) { r.site.Limits.WriteStall = d }, switching(t, func(c net.Conn, _ *bufio.Reader) {
			block := make([]byte, 64<<10)
			for {
				if _, err := c.Write(block); err != nil {
					ended <- err
					return
				}
			}
		}))
		slow, deaf := r.narrowClient(), r.narrowClient()
		for _, cl := range []*client{slow, deaf} {
			cl.send(upgrade)
			if head, err := readHead(cl.r); !strings.HasPrefix(head, "HTTP/1.1 101 ") || err != nil {
				t.Fatalf("%q, %v", head, err)
			}
		}
		block := make([]byte, 64<<10)
		for range 20 {
			<-time.After(d / 5)
			if _, err := io.ReadFull(slow.r, block); err != nil {
				return fmt.Errorf("the slow one was cut: %w", err)
			}
		}
		comes(t, "the end of the one that takes nothing", ended)
		return slow.Close()
	})
}
