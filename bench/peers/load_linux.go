package peers

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// load is the closed loop: each connection sends the next request as soon as its answer is complete.
type load struct {
	loop     *loop
	port     int
	requests [][]byte // sent in turn
	next     int
	raw      int  // every answer is so many bytes, without a head; 0: HTTP
	stream   bool // answers follow each other without being asked for
	socks    map[*sock]struct{}
	window   int     // requests under way at most; 0: one on each connection
	turns    []*sock // connections that wait for their turn, beginning at first
	first    int
	halted   bool // no further requests
	waiting  int  // requests under way

	budget int64       // requests that each connection may send; 0: no end
	spent  func(*sock) // called with a connection that has had its last answer

	answers int64
	failed  int64
	latency *hdrhistogram.Histogram // ns
}

// newLoad is the load of s at a port, for a proxy with so many routes (0: one for all paths).
func newLoad(l *loop, port int, s *Scenario, routes int) *load {
	d := &load{
		loop: l, port: port, requests: s.requests(routes), socks: make(map[*sock]struct{}),
		latency: newLatency(),
	}
	switch s.Kind {
	case Echo:
		d.raw = len(d.requests[0])
	case Bulk:
		d.raw, d.stream = 1<<20, true
	}
	return d
}

// atOnce is how many connections are opened before the loop turns: a listener's queue holds no more than thousands.
const atOnce = 256

// connect opens n connections and then sends a request on each, or on as many as the window allows. It may be called
// from a turn of the loop for less than atOnce of them.
func (d *load) connect(n int) error {
	opened := make([]*sock, 0, n)
	for i := range n {
		if i%atOnce == atOnce-1 {
			if err := d.loop.turn(0); err != nil {
				return err
			}
		}
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
		opened = append(opened, s)
	}
	for _, s := range opened {
		if d.window > 0 && d.waiting >= d.window {
			d.turns = append(d.turns, s)
			continue
		}
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

// ask sends a request; what a socket that has nothing under way doesn't take whole goes later.
func (d *load) ask(s *sock, now int64) {
	s.asked = now
	request := d.requests[d.next]
	d.advance()
	n, err := d.loop.write(s, request)
	if err != nil {
		d.failed++
		d.lose(s)
		return
	}
	d.waiting++
	if n < len(request) {
		s.out = request[n:]
		d.loop.wantWrite(s, true)
	}
}

// advance goes on to the next request: a stride that has no factor in common with the number of routes visits all, in
// no order that a table has.
func (d *load) advance() { d.next = (d.next + 7919) % len(d.requests) }

// push sends more of a long request.
func (d *load) push(s *sock) {
	n, err := d.loop.write(s, s.out)
	if err != nil {
		d.fail(s)
		return
	}
	if s.out = s.out[n:]; len(s.out) == 0 {
		d.loop.wantWrite(s, false)
	}
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
	if len(s.out) > 0 {
		d.push(s)
		return
	}
	data, again, err := d.loop.read(s)
	if again {
		return
	}
	if err != nil {
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
	case d.stream:
		for ; s.rest <= 0; s.rest += d.raw {
			d.answers++
		}
	case s.rest < 0:
		d.fail(s) // bytes that no request asked for
	case s.rest == 0:
		d.done(s)
	}
}

// begin reads the head of an answer and sets how much is to come. It returns nil while the head is not whole, or
// when the connection has been given up.
func (d *load) begin(s *sock, data []byte) []byte {
	if d.raw > 0 {
		s.rest = d.raw
		return data
	}
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
		d.ask(d.turnOf(s), now)
	}
}

// turnOf returns who may send when s has had its answer: s itself, or who has waited longest, behind whom it waits.
func (d *load) turnOf(s *sock) *sock {
	for range d.turns {
		d.turns[d.first], s = s, d.turns[d.first]
		if d.first++; d.first == len(d.turns) {
			d.first = 0
		}
		if _, there := d.socks[s]; there {
			break
		}
	}
	return s
}

var processStart = time.Now()

// nanos reads the monotonic clock.
func nanos() int64 { return int64(time.Since(processStart)) }

// newLatency holds latencies of a microsecond to a minute, in nanoseconds.
func newLatency() *hdrhistogram.Histogram { return hdrhistogram.New(1000, int64(time.Minute), 3) }
