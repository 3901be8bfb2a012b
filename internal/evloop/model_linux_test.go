package evloop

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stream is one socket in the loop with its peer outside: what the peer has sent must be what the handler has read,
// and nothing else.
type stream struct {
	t       *testing.T
	loop    *Loop
	fd      int
	peer    int
	edge    bool
	room    int // of one read
	fair    int // reads at a time; then it asks to be told again
	sent    []byte
	read    []byte
	ended   bool // the peer has ended its side
	heard   bool // and the handler read that
	removed bool
}

func (s *stream) want() Events {
	if s.edge {
		return In | PeerEnd | Edge
	}
	return In
}

// Ready reads as a handler of its mode must: on an edge to the last byte, unless it asks again.
func (s *stream) Ready(Events) {
	if s.removed {
		s.t.Errorf("descriptor %d is told of an event behind its removal", s.fd)
	}
	block := make([]byte, s.room)
	for range s.fair {
		n, err := Read(s.fd, block)
		s.read = append(s.read, block[:n]...)
		switch {
		case err == ErrAgain:
			return
		case err == io.EOF:
			s.heard = true
			return
		case err != nil:
			s.t.Errorf("read: %v", err)
			return
		}
		if !s.edge {
			return // it is told again
		}
	}
	if err := s.loop.Set(s.fd, s.want()); err != nil {
		s.t.Error(err)
	}
}

// model is a loop with its streams.
type model struct {
	t       *testing.T
	random  *rand.Rand
	loop    *Loop
	streams []*stream
	counter byte
}

// open adds a stream.
func (m *model) open() {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(m.t, err)
	s := &stream{t: m.t, loop: m.loop, fd: fds[0], peer: fds[1], edge: m.random.IntN(2) == 0, room: 1 + m.random.IntN(300), fair: 1 + m.random.IntN(3)}
	must(m.t, m.loop.Add(s.fd, s.want(), s))
	m.streams = append(m.streams, s)
}

// send writes some bytes that no other stream has in that order.
func (m *model) send(s *stream) {
	if s.ended {
		return
	}
	text := make([]byte, 1+m.random.IntN(1000))
	for i := range text {
		m.counter++
		text[i] = m.counter ^ byte(s.peer)
	}
	n, err := Write(s.peer, text)
	if err != nil && err != ErrAgain {
		m.t.Fatal(err)
	}
	s.sent = append(s.sent, text[:n]...)
}

// drop removes a stream, whatever is on its way to it; its number is free for the next.
func (m *model) drop(i int) {
	s := m.streams[i]
	if !bytes.HasPrefix(s.sent, s.read) {
		m.t.Errorf("descriptor %d read what was not sent to it", s.fd)
	}
	s.removed = true
	m.loop.Remove(s.fd)
	Close(s.fd)
	Close(s.peer)
	m.streams[i] = m.streams[len(m.streams)-1]
	m.streams = m.streams[:len(m.streams)-1]
}

// step does one thing at random.
func (m *model) step() {
	i := -1
	if len(m.streams) > 0 {
		i = m.random.IntN(len(m.streams))
	}
	switch what := m.random.IntN(20); {
	case i < 0 || what == 0 && len(m.streams) < 40:
		m.open()
	case what == 1:
		m.drop(i)
	case what == 2:
		m.streams[i].ended = true
		must(m.t, unix.Shutdown(m.streams[i].peer, unix.SHUT_WR))
	case what < 12:
		m.send(m.streams[i])
	case what == 12:
		m.loop.Wake()
	case what == 13:
		_, err := m.loop.Wait(time.Millisecond)
		must(m.t, err)
		m.loop.Serve()
	default:
		turn(m.t, m.loop)
	}
}

// settle serves until nothing is left, and compares.
func (m *model) settle() {
	for turn(m.t, m.loop) > 0 && !m.done() {
	}
	for _, s := range m.streams {
		if !bytes.Equal(s.read, s.sent) || s.heard != s.ended {
			m.t.Errorf("descriptor %d (edge %v, %d at a time) read %d bytes of %d; its end was heard: %v, and there: %v",
				s.fd, s.edge, s.room, len(s.read), len(s.sent), s.heard, s.ended)
		}
	}
}

func (m *model) done() bool {
	for _, s := range m.streams {
		if len(s.read) < len(s.sent) || s.heard != s.ended {
			return false
		}
	}
	return true
}

func TestEveryByteArrivesInAnyOrderOfThings(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 20))
			m := &model{t: t, random: r, loop: newTest(t, 1+r.IntN(6))} // batches that are mostly full
			for range 20 {
				for range 50 {
					m.step()
				}
				m.settle()
			}
			for len(m.streams) > 0 {
				m.drop(0)
			}
			for turn(t, m.loop) > 0 { // wakes that nobody took
			}
		})
	}
}

func TestABatchServesHandlersThatRemoveEachOther(t *testing.T) {
	// All are ready in one batch, and each that is told removes some of the others: those must not be told any more.
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 21))
		l := newTest(t, 16)
		const all = 10
		var fds [all]int
		var gone, told [all]bool
		for i := range fds {
			fd, peer := pair(t)
			fds[i] = fd
			must(t, l.Add(fd, In, handle(func(Events) {
				if gone[i] {
					t.Errorf("seed %d: %d is told, though it was removed", seed, i)
				}
				told[i] = true
				for range r.IntN(4) {
					other := r.IntN(all)
					gone[other] = true
					l.Remove(fds[other])
				}
			})))
			if _, err := Write(peer, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		if n := turn(t, l); n != all {
			t.Fatalf("%d events, want %d", n, all)
		}
		for i := range fds {
			if !told[i] && !gone[i] {
				t.Errorf("seed %d: %d was neither told nor removed", seed, i)
			}
		}
		l.Close()
	}
}

func TestAWriteOfAnyLengthArrivesInPieces(t *testing.T) {
	// A writer that waits for Out on an edge between short writes, and a reader with a small block.
	l := newTest(t, 4)
	from, to := pair(t)
	text := make([]byte, 3<<20)
	for i := range text {
		text[i] = byte(i * 7 >> 3)
	}
	left := text
	shorts := 0
	write := func() {
		for len(left) > 0 {
			n, err := Write(from, left)
			left = left[n:]
			if err == ErrAgain {
				shorts++
				return
			}
			must(t, err)
		}
	}
	var got []byte
	block := make([]byte, 10_000)
	must(t, l.Add(from, Out|Edge, handle(func(Events) { write() })))
	must(t, l.Add(to, In|Edge, handle(func(Events) {
		for {
			n, err := Read(to, block)
			if err == ErrAgain {
				return
			}
			must(t, err)
			got = append(got, block[:n]...)
		}
	})))
	for len(got) < len(text) {
		if n, err := l.Wait(time.Minute); err != nil || n == 0 {
			t.Fatalf("%d events, %v, with %d bytes of %d there", n, err, len(got), len(text))
		}
		l.Serve()
	}
	if !bytes.Equal(got, text) || shorts == 0 {
		t.Errorf("%d bytes, equal %v, after %d short writes", len(got), bytes.Equal(got, text), shorts)
	}
}
