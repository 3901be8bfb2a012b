package h2

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"weir/http7"
	"weir/internal/deadline"
)

// saying is a connection whose other end says that and leaves.
type saying struct {
	io.Reader
	net.Conn
}

func (s saying) Read(b []byte) (int, error)       { return s.Reader.Read(b) }
func (s saying) Write(b []byte) (int, error)      { return len(b), nil }
func (s saying) SetWriteDeadline(time.Time) error { return nil }
func (s saying) Close() error                     { return nil }

// Whatever an endpoint says, the connection ends with it, and streams end with an answer or an error.
func FuzzFrames(f *testing.F) {
	var b bytes.Buffer
	fr := http2.NewFramer(&b, nil)
	seed := func(write func()) {
		b.Reset()
		_ = fr.WriteSettings() // to memory
		write()
		f.Add(bytes.Clone(b.Bytes()))
	}
	head := http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x88}, EndHeaders: true}
	seed(func() {})
	seed(func() { _ = fr.WriteHeaders(head); _ = fr.WriteData(1, true, []byte("hello")) })
	seed(func() { _ = fr.WriteHeaders(head); _ = fr.WriteDataPadded(1, true, []byte("hello"), make([]byte, 9)) })
	seed(func() { _ = fr.WriteHeaders(head); _ = fr.WriteHeaders(head) })
	seed(func() { _ = fr.WriteRSTStream(1, http2.ErrCodeRefusedStream) })
	seed(func() { _ = fr.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("calm")) })
	seed(func() { _ = fr.WritePing(false, [8]byte{}); _ = fr.WritePing(true, [8]byte{}) })
	seed(func() { _ = fr.WriteWindowUpdate(0, 1<<31-1); _ = fr.WriteWindowUpdate(1, 1<<31-1) })
	seed(func() {
		_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 20})
	})
	seed(func() {
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x88}})
		_ = fr.WriteContinuation(1, true, []byte{0x88})
	})
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ended := make(chan struct{})
		nc := saying{Reader: bytes.NewReader(b)}
		c := New(nc, nc, deadline.New(), Options{Streams: 3, HeaderBytes: 4 << 10, Ended: func() { close(ended) }})
		c.Reserve()
		s := c.Stream()
		_ = s.Open(getBlock, false) // what comes of it shows below
		go c.Run()                  // ends with what is said
		_, err := s.Head()
		for state := http7.Chunk; err == nil && state != http7.End; {
			if _, state, err = s.Next(); state == http7.Parked {
				err = s.Await()
			}
		}
		_, _ = s.Write([]byte("body"), true) // likewise
		s.Close()
		<-ended
	})
}
