package serve

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

func TestTheRoutesEndIsNotRetried(t *testing.T) {
	t.Parallel()
	// A request that was out of time went to the next endpoint.
	patiently(t, 100*time.Millisecond, func(d time.Duration) error { // until one is asked in time
		var asked atomic.Int64
		silent := func(c net.Conn) {
			r := bufio.NewReader(c)
			for {
				if _, err := readHead(r); err != nil {
					return
				}
				asked.Add(1)
			}
		}
		r := newRigWith(t, func(r *rig) {
			r.forward.Retry.On = []string{"timeout"}
			r.route.Timeout = d
		}, origin(t, silent), origin(t, silent), origin(t, silent))
		if got := r.say(get); !strings.HasPrefix(got, "HTTP/1.1 504 ") || !strings.Contains(got, "route_timeout") {
			t.Errorf("got %q", got)
		}
		if n := asked.Load(); n != 1 {
			return fmt.Errorf("%d endpoints were asked, want 1", n)
		}
		return nil
	})
}

func TestACutReachesAnAttemptThatIsJustConnected(t *testing.T) {
	t.Parallel()
	// A cut between the connection and the wait for its answer was not seen before the answer came.
	r := newRigWith(t, func(r *rig) { r.engine.Reached = func(*lb.Endpoint) { r.engine.Cut() } }, mute(t, ""))
	cl := r.client()
	cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if _, err := cl.r.ReadByte(); err == nil || isTimeout(err) {
		t.Errorf("the connection lives on: %v", err)
	}
	eventually(t, "the connection has gone", r.nobody)
}

func TestAConnectThatTheRoutesEndCutsShortIsNotTheEndpointsFault(t *testing.T) {
	t.Parallel()
	// It was reported as connect_timeout, logged as unreachable, and retried without any time left.
	var blamed atomic.Int64
	r := newRigWith(t, func(r *rig) {
		r.route.Timeout = 100 * time.Millisecond
		r.forward.Timeouts.Connect = conf.Dur(time.Minute)
		r.engine.Unreachable = func(*lb.Endpoint, error) { blamed.Add(1) }
	}, full(t), full(t))
	if got := r.say(get); !strings.HasPrefix(got, "HTTP/1.1 504 ") || !strings.Contains(got, "route_timeout") {
		t.Errorf("got %q", got)
	}
	if n := blamed.Load(); n != 0 {
		t.Errorf("%d endpoints were called unreachable", n)
	}
}

func TestAnEarlyRefusalComesWholeThoughTheUploadIsStopped(t *testing.T) {
	t.Parallel()
	// The pump that was stopped could take its waking for a failure of the client, first to say so
	// to the endpoint's connection: the answer was cut.
	r := newRig(t, origin(t, func(c net.Conn) {
		_, _ = readHead(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nno")
		<-time.After(5 * time.Millisecond)
		_, _ = io.WriteString(c, "pe")
		_, _ = io.Copy(io.Discard, c)
	}))
	for range 50 {
		cl := r.client()
		cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
		cl.want(401, "nope")
		_ = cl.Close()
	}
}

func TestMaxForwardsBeyondWhatIsCountedIsLowered(t *testing.T) {
	t.Parallel()
	// RFC 9110 §7.6.2: the lesser of the value less one and the most that is supported.
	o := answering(t, hello)
	r := newRig(t, o.addr)
	for given, want := range map[string]string{"1": "0", "2147483647": "2147483646", "99999999999999999999": "2147483646"} {
		r.say("OPTIONS / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nMax-Forwards: " + given + "\r\n\r\n")
		whole, _ := o.seen()
		if last := whole[len(whole)-1]; !strings.Contains(last, "Max-Forwards: "+want+"\r\n") {
			t.Errorf("%s was sent on in %q", given, last)
		}
	}
}
