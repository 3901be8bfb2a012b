package framewatch

import (
	"sync"
	"time"
)

// shared is a budget that the goroutine that reads and the one that writes have in common.
type shared struct {
	mu sync.Mutex
	b  budget // guarded by mu
}

func (s *shared) spend(n float64, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.spend(n, now)
}

func (s *shared) earn(n float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.earn(n)
}

// Write writes b, and looks at what leaves: resets that the client has provoked count as its own, and data
// excuses the client's window updates and pings.
func (c *Conn) Write(b []byte) (int, error) {
	c.out.scan(b, c.sawOut)
	return c.Conn.Write(b)
}

// left judges a frame of ours.
func (c *Conn) left(f frame) bool {
	switch {
	case f.kind == frameData && f.length > 0:
		c.windows.earn(dataWorth)
		c.pings.earn(dataWorth)
		if f.flags&flagEndStream != 0 {
			c.streams.told(f.stream, true)
		}
	case f.kind == frameHeaders || f.kind == frameData && f.flags&flagEndStream != 0:
		c.streams.told(f.stream, f.flags&flagEndStream != 0)
	case f.kind == frameReset:
		if !c.streams.ended(f.stream) && provoked(f.word) && !c.resets.spend(1, time.Now()) {
			c.blame(RapidReset)
			_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader, who ends the connection
		}
	case f.kind == frameGoAway && f.word == protocolError && c.pieces.Load() > 1:
		c.tell(ContinuationFlood) // the library has had enough of them first, and ends the connection
	}
	return true
}

// protocolError is the code of that name (RFC 9113 §7).
const protocolError = 0x1

// Close closes the connection. Of a client that has begun its preface and not come to its first frame, the library
// has had enough: that is slow.
func (c *Conn) Close() error {
	if c.stage.Load() == prefacing {
		c.tell(SlowHeader)
	}
	return c.Conn.Close()
}

// provoked reports whether a reset with that code (RFC 9113 §7) answers what a client did wrong.
func provoked(code uint32) bool {
	switch code {
	case 0x1, 0x3, 0x5, 0x6, 0x7: // PROTOCOL, FLOW_CONTROL, STREAM_CLOSED, FRAME_SIZE, REFUSED_STREAM
		return true
	}
	return false
}
