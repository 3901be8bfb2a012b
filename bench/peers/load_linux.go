package peers

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// load is the closed loop: each connection sends the next request as soon as its answer is complete.
type load struct {
	loop    *loop
	port    int
	request []byte
	socks   map[*sock]struct{}
	halted  bool // no further requests
	waiting int  // requests under way

	budget int64       // requests that each connection may send; 0: no end
	spent  func(*sock) // called with a connection that has had its last answer

	answers int64
	failed  int64
	latency *hdrhistogram.Histogram // ns
}

func newLoad(l *loop, port int, request []byte) *load {
	return &load{
		loop: l, port: port, request: request, socks: make(map[*sock]struct{}),
		latency: hdrhistogram.New(1000, int64(time.Minute), 3),
	}
}

// connect opens n connections and sends a request on each.
func (d *load) connect(n int) error {
	for range n {
		fd, err := dial(d.port)
		if err != nil {
			return err
		}
		s, err := d.loop.add(fd, d.ready)
		if err != nil {
			unix.Close(fd)
			return err
		}
		d.socks[s] = struct{}{}
		d.ask(s, nanos())
	}
	return nil
}

// reset forgets what was counted.
func (d *load) reset() {
	d.answers, d.failed = 0, 0
	d.latency.Reset()
}

// disconnect closes every connection.
func (d *load) disconnect() {
	for s := range d.socks {
		d.loop.drop(s)
	}
	clear(d.socks)
}

// ask sends a request; it is small enough for a socket that has nothing under way to take whole.
func (d *load) ask(s *sock, now int64) {
	s.asked = now
	n, err := d.loop.write(s, d.request)
	if err != nil || n < len(d.request) {
		d.failed++
		d.lose(s)
		return
	}
	d.waiting++
}

// lose closes a connection for good: a round with a failure is void, so nobody needs it back.
func (d *load) lose(s *sock) {
	delete(d.socks, s)
	d.loop.drop(s)
}

func (d *load) fail(s *sock) {
	d.failed++
	d.waiting--
	d.lose(s)
}

func (d *load) ready(s *sock) {
	data, again, err := d.loop.read(s)
	if again {
		return
	}
	if err != nil || len(data) == 0 {
		d.fail(s)
		return
	}
	if s.rest == 0 {
		if data = d.begin(s, data); data == nil {
			return
		}
	}
	s.rest -= len(data)
	switch {
	case s.rest < 0:
		d.fail(s) // bytes that no request asked for
	case s.rest == 0:
		d.done(s)
	}
}

// begin reads the head of an answer and sets how much is to come. It returns nil while the head is not whole, or
// when the connection has been given up.
func (d *load) begin(s *sock, data []byte) []byte {
	if len(s.stash) > 0 {
		s.stash = append(s.stash, data...)
		data = s.stash
	}
	end, known, ok := answerEnd(data)
	switch {
	case !ok:
		d.fail(s)
		return nil
	case !known:
		if len(s.stash) == 0 {
			s.stash = append(s.stash, data...)
		}
		return nil
	}
	s.stash = s.stash[:0]
	s.rest = end
	return data
}

func (d *load) done(s *sock) {
	now := nanos()
	d.waiting--
	d.answers++
	// Within its bounds RecordValue cannot fail, and a round is shorter than a minute.
	_ = d.latency.RecordValue(min(max(now-s.asked, 1), int64(time.Minute)))
	s.count++
	switch {
	case d.budget > 0 && s.count == d.budget:
		d.spent(s)
	case !d.halted:
		d.ask(s, now)
	}
}

var processStart = time.Now()

// nanos reads the monotonic clock.
func nanos() int64 { return int64(time.Since(processStart)) }
