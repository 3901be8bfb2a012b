package h2

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"weir/internal/deadline"
)

// read takes frames until the connection ends.
func (c *Conn) read() {
	var err error
	for first := true; err == nil; first = false {
		var f http2.Frame
		f, err = c.framer.ReadFrame()
		c.mu.Lock()
		c.heard = deadline.Now()
		if first && err == nil {
			if s, ok := f.(*http2.SettingsFrame); !ok || s.IsAck() { // RFC 9113 §3.4
				err = c.breach(http2.ErrCodeProtocol, errNotH2)
			}
		}
		if err == nil {
			err = c.frame(f)
		} else {
			err = c.unframed(err, first)
		}
		if len(c.out) > mostOut+mostControl && err == nil {
			err = c.breach(http2.ErrCodeEnhanceYourCalm, errFlood)
		}
		c.mu.Unlock()
	}
}

// unframed says what an error of the framer means. One that concerns a stream alone is no error here.
func (c *Conn) unframed(err error, first bool) error {
	var of http2.StreamError
	var all http2.ConnectionError
	switch {
	case first && (errors.As(err, &all) || errors.Is(err, http2.ErrFrameTooLarge)):
		return c.breach(http2.ErrCodeProtocol, errNotH2)
	case errors.As(err, &of):
		if s := c.streams[of.StreamID]; s != nil {
			s.refuse(of.Code, Malformed, reason(of))
		}
		return nil
	case errors.As(err, &all):
		return c.breach(http2.ErrCode(all), err)
	case errors.Is(err, http2.ErrFrameTooLarge):
		return c.breach(http2.ErrCodeFrameSize, err)
	}
	c.fail(Lost, err)
	return err
}

func reason(of http2.StreamError) error {
	if of.Cause != nil {
		return of.Cause
	}
	return of
}

func (c *Conn) frame(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.DataFrame:
		return c.data(f)
	case *http2.MetaHeadersFrame:
		return c.headers(f)
	case *http2.WindowUpdateFrame:
		return c.widen(f)
	case *http2.RSTStreamFrame:
		return c.reset(f)
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			c.out = appendPing(c.out, true, f.Data)
			c.work.Signal()
			return nil
		}
		c.pinged, c.resets = 0, 0
	case *http2.GoAwayFrame:
		c.goAway(f)
	case *http2.PushPromiseFrame:
		return c.breach(http2.ErrCodeProtocol, errPush)
	}
	return nil
}

// find returns the stream of a frame, nil if it has ended here. A stream that was never opened is an
// error.
func (c *Conn) find(id uint32) (*Stream, error) {
	if s := c.streams[id]; s != nil {
		return s, nil
	}
	if id >= c.next || id%2 == 0 {
		return nil, c.breach(http2.ErrCodeProtocol, errStream)
	}
	return nil, nil
}

func (c *Conn) data(f *http2.DataFrame) error {
	c.hushed = false
	n := int64(f.Length) // padding counts
	if c.recv -= n; c.recv < 0 {
		return c.breach(http2.ErrCodeFlowControl, errWindow)
	}
	// What one stream's reader leaves unread must not hold up the others: the connection's window is given
	// back at once, and each stream's is what bounds memory.
	if c.credit += n; c.credit >= connWindow/4 {
		c.out = appendWindowUpdate(c.out, 0, c.credit)
		c.recv += c.credit
		c.credit = 0
		c.work.Signal()
	}
	s, err := c.find(f.StreamID)
	if s != nil {
		s.data(f.Data(), n, f.StreamEnded())
	}
	return err
}

func (c *Conn) headers(f *http2.MetaHeadersFrame) error {
	c.hushed = false
	s, err := c.find(f.StreamID)
	if s == nil {
		return err
	}
	switch {
	case s.ended:
		s.refuse(http2.ErrCodeStreamClosed, Malformed, errBehind)
	case f.Truncated || listSize(f.Fields) > c.o.HeaderBytes:
		s.refuse(http2.ErrCodeProtocol, TooLarge, errLongHead)
	case s.final:
		if len(f.PseudoFields()) > 0 || !f.StreamEnded() {
			s.refuse(http2.ErrCodeProtocol, Malformed, errTrailer)
			return nil
		}
		s.trailer = f.Fields
		s.end()
	default:
		s.head(f)
	}
	return nil
}

// listSize returns the size of a header section as RFC 9113 §6.5.2 counts it.
func listSize(fields []hpack.HeaderField) (n uint32) {
	for i := range fields {
		n += fields[i].Size()
	}
	return n
}

// status returns the value of the one pseudo-field of an answer, 0 if it is not valid.
func status(pseudo []hpack.HeaderField) int {
	if len(pseudo) != 1 || pseudo[0].Name != ":status" || len(pseudo[0].Value) != 3 {
		return 0
	}
	n := 0
	for _, d := range []byte(pseudo[0].Value) {
		if d < '0' || d > '9' {
			return 0
		}
		n = n*10 + int(d-'0')
	}
	if n < 100 || n > 599 {
		return 0
	}
	return n
}

func (c *Conn) widen(f *http2.WindowUpdateFrame) error {
	n := int64(f.Increment)
	if f.StreamID == 0 {
		if c.window += n; c.window > maxWindow {
			return c.breach(http2.ErrCodeFlowControl, errOverflow)
		}
		c.unblock()
		return nil
	}
	s, err := c.find(f.StreamID)
	if s == nil {
		return err
	}
	if s.window += n; s.window > maxWindow {
		s.refuse(http2.ErrCodeFlowControl, Malformed, errOverflow)
	}
	s.writes.Signal()
	return nil
}

func (c *Conn) reset(f *http2.RSTStreamFrame) error {
	s, err := c.find(f.StreamID)
	if s != nil {
		s.gone = true
		s.fail(resetKind(f.ErrCode, s.final || len(s.heads) > 0), http2.StreamError{StreamID: s.id, Code: f.ErrCode})
	}
	return err
}

func (c *Conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if !c.peer.known {
		c.peer.known = true
		c.peer.streams = math.MaxInt32
	}
	if err := f.ForeachSetting(c.setting); err != nil {
		return c.breach(http2.ErrCodeProtocol, err)
	}
	for _, s := range c.streams {
		if s.window > maxWindow {
			return c.breach(http2.ErrCodeFlowControl, errOverflow)
		}
		s.writes.Signal()
	}
	c.met.Broadcast()
	c.out = appendSettingsAck(c.out)
	c.work.Signal()
	return nil
}

// setting takes one of the endpoint's settings (RFC 9113 §6.5.2).
func (c *Conn) setting(s http2.Setting) error {
	if s.Valid() != nil {
		return errSettings
	}
	switch s.ID {
	case http2.SettingMaxConcurrentStreams:
		c.peer.streams = int(min(s.Val, math.MaxInt32))
	case http2.SettingInitialWindowSize:
		by := int64(s.Val) - c.peer.window
		c.peer.window = int64(s.Val)
		for _, s := range c.streams {
			s.window += by
		}
	case http2.SettingMaxFrameSize:
		c.peer.frame = int(min(s.Val, mostOut))
	case http2.SettingEnableConnectProtocol:
		c.peer.connect = s.Val == 1
	}
	return nil
}

// maxDebug bounds what is kept of an endpoint's words.
const maxDebug = 200

// goAway ends the streams that the endpoint has not processed, and lets the others go on.
func (c *Conn) goAway(f *http2.GoAwayFrame) {
	c.goodbye = true
	kind := Refused
	if f.ErrCode == http2.ErrCodeEnhanceYourCalm {
		kind = Calm
	}
	debug := f.DebugData()
	cause := fmt.Errorf("the endpoint said goodbye: %v, %q", f.ErrCode, debug[:min(len(debug), maxDebug)])
	for id, s := range c.streams {
		if id > f.LastStreamID {
			s.gone = true
			s.fail(kind, cause)
		}
	}
	c.retire()
}
