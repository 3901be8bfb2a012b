package serve

import (
	"bufio"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/lb"
)

func TestTheRoutesEndIsNotRetried(t *testing.T) {
	t.Parallel()
	// A request that was out of time went to the next endpoint.
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
		r.route.Timeout = 100 * time.Millisecond
	}, origin(t, silent), origin(t, silent), origin(t, silent))
	if got := r.say(get); !strings.HasPrefix(got, "HTTP/1.1 504 ") || !strings.Contains(got, "route_timeout") {
		t.Errorf("got %q", got)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("%d endpoints were asked, want 1", n)
	}
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
	eventually(t, 2*time.Second, "the connection has gone", r.nobody)
}
