package bench

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

func TestABurstBeyondOneBatchGoesOutAtOnce(t *testing.T) {
	// A loop that had sent a whole batch waited for an answer before it sent the rest, though connections were idle.
	// This endpoint answers nobody before a whole burst is there: such a loop would wait for ever.
	const burst = 3 * batch
	var came atomic.Int64
	whole := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	at := listen(t, func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		for n := range whole {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			if came.Add(1) == int64(n+1)*burst {
				close(whole[n])
			}
			<-whole[n]
			if _, err := io.WriteString(c, fine); err != nil {
				return
			}
		}
		waitClosed(c)
	})
	times := make([]time.Duration, 0, 2*burst)
	for at := range 2 {
		for range burst {
			times = append(times, 100*time.Millisecond+time.Duration(at)*500*time.Millisecond) // dialled by the first, idle before the second
		}
	}
	r := mustRun(t, Config{Target: "http://" + at, Connections: burst, Threads: 1, Arrivals: &Arrivals{Times: times}, Timeout: 20 * time.Second})
	if r.OK != 2*burst || r.Opened != burst {
		t.Errorf("ok %d, %v, %d unsent, %d connections", r.OK, r.Failures, r.Unsent, r.Opened)
	}
}

func TestAClosedLoopUsesAllItsConnectionsAtOnce(t *testing.T) {
	// The same, seen in the closed loop: 256 idle connections at the start, of which the endpoint's silence held
	// up one half, so that they ended one timeout later.
	t.Parallel()
	const timeout = 3 * time.Second
	r := mustRun(t, Config{Target: "http://" + deaf(t), Connections: 2 * batch, Threads: 1, Requests: 2 * batch, Timeout: timeout})
	if r.Failures[Connect]+r.Failures[Timeout] != 2*batch || r.Elapsed >= 2*timeout {
		t.Errorf("%v within %v; want all to time out together, after %v", r.Failures, r.Elapsed, timeout)
	}
}
