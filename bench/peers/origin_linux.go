package peers

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// origin is the endpoint behind every proxy: it answers each request with the same bytes and counts on which
// connection. It knows GET without a body and nothing else.
type origin struct {
	loop   *loop
	port   int
	answer []byte
	conns  map[*sock]struct{}
}

func newOrigin(l *loop) (*origin, error) {
	fd, port, err := listen()
	if err != nil {
		return nil, err
	}
	o := &origin{loop: l, port: port, conns: make(map[*sock]struct{})}
	_, err = l.add(fd, o.accept)
	return o, err
}

// begin makes o send another answer and forgets what was counted.
func (o *origin) begin(answer []byte) {
	o.answer = answer
	o.reset()
}

func (o *origin) reset() {
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

func (o *origin) accept(listener *sock) {
	fd, _, err := unix.Accept4(listener.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return // the client has gone, or we run out of descriptors and its timeout will tell
	}
	noDelay(fd)
	s, err := o.loop.add(fd, o.ready)
	if err != nil {
		unix.Close(fd)
		return
	}
	o.conns[s] = struct{}{}
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
	if err != nil || len(data) == 0 {
		o.drop(s)
		return
	}
	if len(s.stash) > 0 {
		s.stash = append(s.stash, data...)
		data = s.stash
	}
	for {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			break
		}
		data = data[end+4:]
		s.count++
		if !o.send(s) {
			return
		}
	}
	s.stash = append(s.stash[:0], data...)
	if len(s.stash) > maxHead {
		o.drop(s)
	}
}

// send begins an answer. It returns false if the connection has gone.
func (o *origin) send(s *sock) bool {
	if len(s.out) > 0 {
		s.out = append(s.out, o.answer...)
		return true
	}
	n, err := o.loop.write(s, o.answer)
	if err != nil {
		o.drop(s)
		return false
	}
	if n < len(o.answer) {
		s.out = o.answer[n:len(o.answer):len(o.answer)]
		o.loop.wantWrite(s, true)
	}
	return true
}

func (o *origin) flush(s *sock) {
	n, err := o.loop.write(s, s.out)
	if err != nil {
		o.drop(s)
		return
	}
	if s.out = s.out[n:]; len(s.out) == 0 {
		s.out = nil
		o.loop.wantWrite(s, false)
	}
}
