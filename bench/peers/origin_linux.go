package peers

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// origin is the endpoint behind every proxy, or many of them: it listens on as many ports. It answers each request
// with the same bytes and counts on which connection. Of a request it reads where it ends and nothing else. As the
// end of a relay it sends back what comes, or sends without end.
type origin struct {
	loop     *loop
	ports    []int
	kind     Kind
	answer   []byte
	body     int // bytes that follow each request's head
	conns    map[*sock]struct{}
	accepted int // since reset
}

func newOrigin(l *loop) (*origin, error) {
	o := &origin{loop: l, conns: make(map[*sock]struct{})}
	return o, o.grow(1)
}

// grow opens ports until there are n.
func (o *origin) grow(n int) error {
	for len(o.ports) < n {
		fd, port, err := listen()
		if err != nil {
			return err
		}
		if _, err := o.loop.add(fd, o.accept); err != nil {
			unix.Close(fd)
			return err
		}
		o.ports = append(o.ports, port)
	}
	return nil
}

// begin makes o do the endpoint's part of s and forgets what was counted.
func (o *origin) begin(s *Scenario) {
	o.kind, o.body = s.Kind, s.BodyBytes
	switch s.Kind {
	case Echo:
		o.answer = nil
	case Bulk:
		o.answer = make([]byte, bulkBlock)
	default:
		o.answer = s.answer()
	}
	o.reset()
}

var blankLine = []byte("\r\n\r\n")

// bulkBlock is what the endpoint of a bulk relay sends at a time.
const bulkBlock = 256 << 10

func (o *origin) reset() {
	o.accepted = 0
	for s := range o.conns {
		s.count = 0
	}
}

// tally returns how many connections have carried an answer since reset, and the answers.
func (o *origin) tally() (used int, answers int64) {
	for s := range o.conns {
		if s.count > 0 {
			used++
			answers += s.count
		}
	}
	return used, answers
}

// accept takes the connections that wait, so many at a time that a burst doesn't overflow the queue.
func (o *origin) accept(listener *sock) {
	for range atOnce {
		fd, _, err := unix.Accept4(listener.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return // none waits, the client has gone, or we run out of descriptors and its timeout will tell
		}
		noDelay(fd)
		s, err := o.loop.add(fd, o.ready)
		if err != nil {
			unix.Close(fd)
			return
		}
		o.conns[s] = struct{}{}
		o.accepted++
	}
}

func (o *origin) drop(s *sock) {
	delete(o.conns, s)
	o.loop.drop(s)
}

func (o *origin) ready(s *sock) {
	if len(s.out) > 0 {
		o.flush(s)
		return
	}
	data, again, err := o.loop.read(s)
	if again {
		return
	}
	if err != nil {
		o.drop(s)
		return
	}
	switch o.kind {
	case Echo:
		s.count++
		o.send(s, data)
	case Bulk:
		o.send(s, o.answer)
	default:
		o.requests(s, data)
	}
}

// requests answers every request that is whole now and keeps the beginning of the next.
func (o *origin) requests(s *sock, data []byte) {
	if len(s.stash) > 0 {
		s.stash = append(s.stash, data...)
		data = s.stash
	}
	for {
		if s.rest == 0 {
			end := bytes.Index(data, blankLine)
			if end < 0 {
				break
			}
			data, s.rest = data[end+len(blankLine):], o.body
		}
		taken := min(s.rest, len(data))
		data, s.rest = data[taken:], s.rest-taken
		if s.rest > 0 {
			break
		}
		s.count++
		if !o.send(s, o.answer) {
			return
		}
	}
	s.stash = append(s.stash[:0], data...)
	if len(s.stash) > maxHead {
		o.drop(s)
	}
}

// send begins an answer, which it keeps only if the socket doesn't take it whole. It returns false if the connection
// has gone.
func (o *origin) send(s *sock, answer []byte) bool {
	if len(s.out) > 0 {
		s.out = append(s.out[:len(s.out):len(s.out)], answer...)
		return true
	}
	n, err := o.loop.write(s, answer)
	if err != nil {
		o.drop(s)
		return false
	}
	if s.out = answer[n:]; len(s.out) == 0 && o.kind == Bulk {
		s.out = o.answer // without end
	}
	if len(s.out) == 0 {
		return true
	}
	if o.kind == Echo {
		s.out = bytes.Clone(s.out) // the loop's block is used up before the rest goes
	}
	o.loop.wantWrite(s, true)
	return true
}

func (o *origin) flush(s *sock) {
	n, err := o.loop.write(s, s.out)
	if err != nil {
		o.drop(s)
		return
	}
	if s.out = s.out[n:]; len(s.out) > 0 {
		return
	}
	if o.kind == Bulk {
		s.out = o.answer // without end
		return
	}
	s.out = nil
	o.loop.wantWrite(s, false)
}
