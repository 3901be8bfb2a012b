package cache

import (
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"weir/http7"
	"weir/http7/cache/store"
)

const (
	// maxFilling bounds how many answers are moved into the store at once.
	maxFilling = 256
	// atOnce is about how much of an answer its exchange moves by itself, if it is at hand.
	atOnce = 64 << 10
)

// mover moves an answer into the store. It owns the answer, a hold of the object, and a place among those that move.
type mover struct {
	c     *Cache
	a     *http7.Answer
	o     *store.Object
	f     *fill // nil: nobody can join
	key   string
	most  int64
	moved int64
	begun time.Time
	// first is what was at hand at the beginning, until it is moved.
	first []byte
	// fault is why the answer ended early.
	fault *http7.Fault
}

// progress is how far a mover has come.
type progress uint8

const (
	onTheWay progress = iota // nothing more is at hand
	complete
	broken
	unwanted // nobody reads it, and it is not stored
)

// beginMoving takes a place among those that move; false: there is none.
func (c *Cache) beginMoving() bool {
	if c.counts.filling.Add(1) <= maxFilling {
		return true
	}
	c.counts.filling.Add(-1)
	return false
}

// endMoving gives it back.
func (c *Cache) endMoving() { c.counts.filling.Add(-1) }

// blocks are for what is at hand of an answer when its head is.
var blocks = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// keptBlock is the largest that is used again.
const keptBlock = 2 * atOnce

// gather takes what is at hand, up to about as much as an exchange moves by itself.
func (m *mover) gather() progress {
	m.first = (*blocks.Get().(*[]byte))[:0]
	for len(m.first) < atOnce {
		chunk, s, f := m.a.Source.Next()
		switch s {
		case http7.Chunk:
			m.first = append(m.first, chunk...)
		case http7.Parked:
			return onTheWay
		case http7.End:
			return complete
		case http7.Failure:
			m.fault = f
			return broken
		}
	}
	return onTheWay
}

// giveBlock gives back a block that [mover.gather] has taken.
func giveBlock(b []byte) {
	if 0 < cap(b) && cap(b) <= keptBlock {
		b = b[:0]
		blocks.Put(&b)
	}
}

// draft begins the object with what was gathered; false: there is no room for it, or it is too large.
func (m *mover) draft(key []byte, mark store.Mark, tags []uint64, head []byte, how progress) bool {
	length := m.a.Length
	if how == complete {
		length = int64(len(m.first))
	}
	if m.large() {
		return false
	}
	if m.o = m.c.store.Draft(key, mark, tags, head, length, m.most); m.o == nil {
		return false
	}
	if len(m.first) > 0 && !m.o.Write(m.first) {
		m.o.Cut()
		m.o.Release()
		return false
	}
	m.moved = int64(len(m.first))
	giveBlock(m.first)
	m.first = nil
	return true
}

// large reports whether the answer is too large to be stored.
func (m *mover) large() bool { return m.moved+int64(len(m.first)) > m.most }

// refuse is the end of a mover whose answer is not stored; somebody else closes that.
func (m *mover) refuse() {
	result := fillRefused
	if m.large() {
		result = fillTooLarge
	}
	m.c.counts.fills[result].Add(1)
	m.c.endMoving()
}

// some moves what is at hand.
func (m *mover) some() progress {
	for {
		chunk, s, f := m.a.Source.Next()
		switch s {
		case http7.Chunk:
			m.count(int64(len(chunk)))
			if !m.o.Write(chunk) {
				return unwanted
			}
		case http7.Parked:
			return onTheWay
		case http7.End:
			return complete
		case http7.Failure:
			m.fault = f
			return broken
		}
	}
}

// count notes bytes that were moved. Once they are too many nobody joins any more.
func (m *mover) count(n int64) {
	small := m.moved <= m.most
	if m.moved += n; !small || m.moved <= m.most {
		return
	}
	if m.c.fills.mark([]byte(m.key), markLarge); m.f != nil {
		m.f.done()
	}
}

// run is the body of the goroutine "cache.fill": it ends with the answer.
func (m *mover) run() {
	how := broken
	defer func() {
		if v := recover(); v != nil {
			m.c.log.Error("a fill panicked", slog.Any("value", v), slog.String("stack", string(debug.Stack())))
		}
		m.end(how)
	}()
	for {
		if how = m.some(); how != onTheWay {
			return
		}
		how = broken // for a panic
		m.a.Source.Await()
	}
}

// end publishes the object, or cuts it, and gives back what m has.
func (m *mover) end(how progress) {
	result := m.finish(how)
	if m.f != nil { // before the object is cut: who comes then would join a broken answer
		m.f.done()
	}
	if m.o != nil {
		m.o.Cut() // unless it is finished
	}
	m.a.Source.Close()
	m.c.counts.fills[result].Add(1)
	if m.o != nil {
		m.o.Release()
	}
	m.c.endMoving()
}

// finish makes the object whole if the answer is, for those who read it too, and says what has become of the fill.
func (m *mover) finish(how progress) fillEnd {
	published := how == complete && m.o.Finish(m.a.Trailer.AppendLines(nil, http7.HopByHop))
	switch {
	case published:
		m.c.filled(time.Since(m.begun))
		return fillStored
	case how == broken:
		return fillCut
	case m.large():
		return fillTooLarge
	case m.o.Purged():
		return fillPurged
	}
	return fillRefused
}

// poured is the Source of an answer that was taken to be stored, and is not.
type poured struct {
	first []byte
	sent  bool
	a     *http7.Answer
	to    *http7.Header
}

// Next implements [http7.Source].
func (s *poured) Next() ([]byte, http7.State, *http7.Fault) {
	switch {
	case !s.sent && len(s.first) > 0:
		s.sent = true
		return s.first, http7.Chunk, nil
	case s.first != nil: // the rest may take hours
		giveBlock(s.first)
		s.first = nil
	}
	chunk, state, f := s.a.Source.Next()
	if state == http7.End && s.to != nil {
		addLines(s.to, s.a.Trailer.AppendLines(nil, http7.HopByHop))
		s.to = nil
	}
	return chunk, state, f
}

// Await implements [http7.Source].
func (s *poured) Await() { s.a.Source.Await() }

// Interrupt implements [http7.Interrupter].
func (s *poured) Interrupt() { http7.Interrupt(s.a.Source) }

// Close implements [http7.Source].
func (s *poured) Close() {
	s.a.Source.Close()
	giveBlock(s.first)
	s.first = nil
}

// copier is the filter of observe mode: it copies an answer into the store while the client gets it as it is.
type copier struct {
	o     *store.Object
	c     *Cache
	most  int64
	moved int64
	begun time.Time
}

// Changes implements [http7.Filter].
func (*copier) Changes() bool { return false }

// Write implements [http7.Filter].
func (c *copier) Write(_, chunk []byte, how http7.How) ([]byte, int, bool, *http7.Fault) {
	if c.o != nil {
		if c.moved += int64(len(chunk)); c.moved > c.most || len(chunk) > 0 && !c.o.Write(chunk) {
			c.stop(fillTooLarge)
		} else if how == http7.Last {
			c.finish()
		}
	}
	return chunk, len(chunk), true, nil
}

func (c *copier) finish() {
	if c.o.Finish(nil) {
		c.c.filled(time.Since(c.begun))
		c.stop(fillStored)
		return
	}
	result := fillRefused
	if c.o.Purged() {
		result = fillPurged
	}
	c.stop(result)
}

// stop ends the copy; after the end it does nothing.
func (c *copier) stop(result fillEnd) {
	if c.o == nil {
		return
	}
	c.o.Cut()
	c.o.Release()
	c.c.counts.fills[result].Add(1)
	c.o = nil
}
