package framewatch

import (
	"io"
	"net"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
)

// What the library has had enough of first is told, since the library counts nothing itself.
func TestWhatTheLibraryEndsIsToldToo(t *testing.T) {
	pieces := func(end bool) func(c *client) {
		return func(c *client) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
			_ = c.WriteContinuation(1, false, nil)
			_ = c.WriteContinuation(1, end, nil)
		}
	}
	for _, tc := range []struct {
		name string
		do   func(c *client)
		code http2.ErrCode
		kind string
	}{
		{"a block in pieces", pieces(false), http2.ErrCodeProtocol, ContinuationFlood},
		{"a block in pieces that has ended", pieces(true), http2.ErrCodeProtocol, ContinuationFlood},
		{"a block in pieces, and then something else", func(c *client) { pieces(true)(c); _ = c.WritePing(true, [8]byte{}) }, http2.ErrCodeProtocol, ""},
		{"a block in one", func(c *client) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}, EndHeaders: true})
		}, http2.ErrCodeProtocol, ""},
		{"a drain", pieces(false), http2.ErrCodeNo, ""},
		{"less than the preface", nil, http2.ErrCodeNo, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := watched(t, Limits{})
				go func() { _, _ = io.Copy(io.Discard, c.nc) }()
				if tc.do != nil {
					tc.do(c)
				}
				synctest.Wait()
				_ = http2.NewFramer(c.side, nil).WriteGoAway(1, tc.code, []byte("more"))
				_ = http2.NewFramer(c.side, nil).WritePing(true, [8]byte{}) // what follows is found
				synctest.Wait()
				kind := ""
				select {
				case kind = <-c.told:
				default:
				}
				if kind != tc.kind {
					t.Errorf("told %q, want %q", kind, tc.kind)
				}
			})
		})
	}
}

func TestAPrefaceWithoutAFrameIsSlow(t *testing.T) {
	for _, tc := range []struct {
		name  string
		begin string
		after func(c *client)
		slow  bool
	}{
		{"nothing", "", nil, false},
		{"half", Preface[:12], nil, true},
		{"whole", Preface, nil, true},
		{"half, and the client leaves", Preface[:12], func(c *client) { _ = c.nc.Close() }, false},
		{"a frame", Preface, func(c *client) { _ = c.WriteSettings() }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				var told []string
				side := New(far, Limits{Told: func(kind string) { told = append(told, kind) }})
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = io.Copy(io.Discard, side)
				}()
				_, _ = io.WriteString(near, tc.begin)
				if tc.after != nil {
					tc.after(&client{nc: near, Framer: http2.NewFramer(near, near)})
				}
				synctest.Wait()
				_ = side.Close()
				<-done
				if slow := len(told) == 1 && told[0] == SlowHeader; slow != tc.slow || len(told) > 1 {
					t.Errorf("told %q", told)
				}
				_ = near.Close()
			})
		})
	}
}
