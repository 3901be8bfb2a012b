package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shapes are the latencies of endpoints with a known distribution; each draws for one request.
var shapes = []struct {
	name string
	draw func(*rand.Rand) time.Duration
}{
	{"constant", func(*rand.Rand) time.Duration { return 5 * time.Millisecond }},
	{"bimodal", func(r *rand.Rand) time.Duration {
		if r.IntN(20) == 0 {
			return 60 * time.Millisecond
		}
		return 4 * time.Millisecond
	}},
	{"exponential", func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(10*time.Millisecond)) }},
}

// keeper is an endpoint that keeps its own record of how long it held each request.
type keeper struct {
	mu     sync.Mutex
	random *rand.Rand
	record Histogram
	draw   func(*rand.Rand) time.Duration
}

func (k *keeper) serve(c *net.TCPConn) {
	from, err := newStamped(c)
	if err != nil {
		return
	}
	in := bufio.NewReader(from)
	for {
		// The request has arrived with its first byte: waking for it and parsing it is the endpoint's time.
		if _, err := in.Peek(1); err != nil {
			return
		}
		came := from.came
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		k.mu.Lock()
		hold := k.draw(k.random)
		k.mu.Unlock()
		<-time.After(hold) // the latency under test
		// Before the answer goes: the run may be over as soon as it has come.
		k.mu.Lock()
		k.record.Record(time.Since(came))
		k.mu.Unlock()
		if _, err := io.WriteString(c, fine); err != nil {
			return
		}
	}
}

// stamped reads a connection and notes when the kernel took in what the last Read returned: an endpoint that the
// system wakes late would otherwise not know how long it has had a request.
type stamped struct {
	raw  syscall.RawConn
	came time.Time // wall clock alone
	oob  [64]byte
}

// stamp makes the kernel note the arrival of all that a listener's connections bring, from before they are accepted.
func stamp(_, _ string, raw syscall.RawConn) error {
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}); err != nil {
		return err
	}
	return failed
}

func newStamped(c *net.TCPConn) (*stamped, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &stamped{raw: raw}, nil
}

func (s *stamped) Read(b []byte) (n int, err error) {
	var oobn int
	if e := s.raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, err = unix.Recvmsg(int(fd), b, s.oob[:], unix.MSG_DONTWAIT)
		return err != unix.EAGAIN
	}); e != nil {
		return 0, e
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(s.oob[:oobn])
	for _, m := range messages {
		if m.Header.Type == unix.SCM_TIMESTAMPNS {
			sec, nsec := (*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Unix()
			s.came = time.Unix(sec, nsec)
			return n, err
		}
	}
	return n, errors.Join(err, errors.New("no time of arrival"))
}

// checkTruth runs each shape and compares what the generator reports with what the endpoint recorded.
// allowed are the shares by which they may differ, by quantile; floor is always allowed. judge takes the complaint.
func checkTruth(t *testing.T, cfg Config, allowed map[float64]float64, floor time.Duration, judge func(*testing.T, func() string)) {
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			k := &keeper{random: rand.New(rand.NewPCG(3, 7)), record: NewHistogram(), draw: shape.draw}
			cfg := cfg
			cfg.Target = "http://" + listenBy(t, net.ListenConfig{Control: stamp}, k.serve)
			// The endpoint is this process too, and starting it up would stall the generator.
			cold := cfg
			cold.Duration = 500 * time.Millisecond
			mustRun(t, cold)
			judge(t, func() string {
				k.mu.Lock()
				k.record = NewHistogram()
				k.mu.Unlock()
				r := mustRun(t, cfg)
				k.mu.Lock()
				defer k.mu.Unlock()
				if r.Failed() != 0 || r.OK != k.record.Count() || !r.Valid() {
					return fmt.Sprintf("%d ok of %d served, %v, %v", r.OK, k.record.Count(), r.Failures, r.Invalid)
				}
				wrong := ""
				for at, share := range allowed {
					got, want := r.Histogram.Quantile(at), k.record.Quantile(at)
					most := max(floor, time.Duration(share*float64(want)))
					line := fmt.Sprintf("%v: reported %v, recorded %v: %+v, allowed %v", at, got, want, got-want, most)
					t.Log(line)
					if (got - want).Abs() > most {
						wrong += line + "; "
					}
				}
				return wrong
			})
		})
	}
}

func TestLatenciesAreThoseThatTheEndpointRecorded(t *testing.T) {
	// Loose, since other tests share the machine: the far quantiles are TestSoakTruth's.
	loose := map[float64]float64{0.1: 0.2, 0.5: 0.2}
	checkTruth(t, Config{Connections: 100, Rate: 300, Duration: 1500 * time.Millisecond, MaxLag: time.Hour}, loose, 20*time.Millisecond, best)
}
