package framewatch

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// client writes frames to a watched connection whose other side is read to its end by the test.
type client struct {
	*http2.Framer
	nc   net.Conn
	end  chan error // what the reading of the watched side came to
	told chan string
	side net.Conn
}

// watched connects a client to a connection that is watched with l, and reads it.
func watched(t *testing.T, l Limits) *client {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	c := &client{nc: near, end: make(chan error, 1), told: make(chan string, 1)}
	l.Told = func(kind string) { c.told <- kind }
	c.side = New(far, l)
	c.Framer = http2.NewFramer(near, near)
	c.AllowIllegalWrites = true
	go func() {
		_, err := io.Copy(io.Discard, c.side)
		_ = far.Close()
		c.end <- err
	}()
	if !l.Prefaced {
		if _, err := io.WriteString(near, Preface); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// until repeats do until the connection ends, n times at most, and returns how often it was done.
func (c *client) until(n int, do func(i int) error) int {
	for i := range n {
		if do(i) != nil {
			return i
		}
	}
	return n
}

func TestWhatCostsMoreThanItIsWorthEndsTheConnection(t *testing.T) {
	empty := []byte{}
	cases := []struct {
		name string
		do   func(c *client, i int) error
		kind string
		by   int // how many it takes at most
	}{
		{"streams that are reset at once", func(c *client, i int) error {
			id := uint32(2*i + 1)
			if err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0x82}, EndHeaders: true, EndStream: true}); err != nil {
				return err
			}
			return c.WriteRSTStream(id, http2.ErrCodeCancel)
		}, RapidReset, 500},
		{"resets alone", func(c *client, i int) error { return c.WriteRSTStream(1, http2.ErrCodeCancel) }, RapidReset, 300},
		{"resets excused by trailers", func(c *client, i int) error {
			for range 3 {
				if err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}, EndHeaders: true}); err != nil {
					return err
				}
			}
			return c.WriteRSTStream(1, http2.ErrCodeCancel)
		}, RapidReset, 300},
		{"pings", func(c *client, i int) error { return c.WritePing(false, [8]byte{}) }, ControlFlood, 1200},
		{"settings", func(c *client, i int) error { return c.WriteSettings() }, ControlFlood, 150},
		{"priorities", func(c *client, i int) error { return c.WritePriority(1, http2.PriorityParam{StreamDep: 3}) }, ControlFlood, 1200},
		{"unknown frames", func(c *client, i int) error { return c.WriteRawFrame(0xbe, 0, 0, nil) }, ControlFlood, 1200},
		{"a window that drips", func(c *client, i int) error { return c.WriteWindowUpdate(1, 1) }, ControlFlood, 1200},
		{"windows for data that never came", func(c *client, i int) error { return c.WriteWindowUpdate(0, 1000) }, ControlFlood, 1200},
		{"empty data", func(c *client, i int) error { return c.WriteData(1, false, empty) }, EmptyData, 150},
		{"continuations without end", func(c *client, i int) error {
			if i == 0 {
				return c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
			}
			return c.WriteContinuation(1, false, empty)
		}, ContinuationFlood, 100},
		{"a header block over its bound", func(c *client, i int) error {
			if i == 0 {
				return c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
			}
			return c.WriteContinuation(1, false, make([]byte, 16000))
		}, ContinuationFlood, 7},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refusal := errors.New("calm down")
				c := watched(t, Limits{Refusal: refusal})
				if n := c.until(20*tc.by, func(i int) error { return tc.do(c, i) }); n > tc.by {
					t.Errorf("the connection lived for %d of them, want at most %d", n, tc.by)
				}
				if err := <-c.end; err != refusal {
					t.Errorf("the reader got %v, want the refusal", err)
				}
				if kind := <-c.told; kind != tc.kind {
					t.Errorf("told %q, want %q", kind, tc.kind)
				}
			})
		})
	}
}

func TestWhatClientsDoStays(t *testing.T) {
	cases := []struct {
		name  string
		do    func(c *client, i int) error
		times int
		every time.Duration
	}{
		{"a third of the streams cancelled", func(c *client, i int) error {
			id := uint32(2*i + 1)
			if err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0x82}, EndHeaders: true, EndStream: true}); err != nil || i%3 != 0 {
				return err
			}
			return c.WriteRSTStream(id, http2.ErrCodeCancel)
		}, 30000, 100 * time.Microsecond},
		{"streams that are cancelled when they are 150 ms old", func(c *client, i int) error {
			if err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: []byte{0x82}, EndHeaders: true, EndStream: true}); err != nil || i < 75 {
				return err
			}
			return c.WriteRSTStream(uint32(2*(i-75)+1), http2.ErrCodeCancel)
		}, 5000, 2 * time.Millisecond},
		{"a few cancellations a second", func(c *client, i int) error { return c.WriteRSTStream(1, http2.ErrCodeCancel) }, 2000, time.Second / 20},
		{"50 pings a second", func(c *client, i int) error { return c.WritePing(false, [8]byte{}) }, 5000, time.Second / 50},
		{"acknowledgements", func(c *client, i int) error {
			if err := c.WritePing(true, [8]byte{}); err != nil {
				return err
			}
			return c.WriteSettingsAck()
		}, 5000, 0},
		{"data", func(c *client, i int) error { return c.WriteData(1, false, make([]byte, 100)) }, 20000, 0},
		{"streams that end with empty data", func(c *client, i int) error { return c.WriteData(uint32(2*i+1), true, nil) }, 5000, 0},
		{"a head in ten pieces", func(c *client, i int) error {
			if i%10 == 0 {
				return c.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: []byte{0x82}})
			}
			return c.WriteContinuation(uint32(2*(i/10*10)+1), i%10 == 9, make([]byte, 1000))
		}, 5000, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := watched(t, Limits{})
				tick := time.NewTicker(max(tc.every, 1))
				defer tick.Stop()
				n := c.until(tc.times, func(i int) error {
					if tc.every > 0 {
						<-tick.C
					}
					return tc.do(c, i)
				})
				_ = c.nc.Close()
				if err := <-c.end; n < tc.times || err != nil {
					t.Errorf("ended after %d of %d with %v", n, tc.times, err)
				}
			})
		})
	}
}

func TestDataThatLeavesExcusesWindowUpdatesAndPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := watched(t, Limits{})
		go func() { _, _ = io.Copy(io.Discard, c.nc) }()
		ours := http2.NewFramer(c.side, nil)
		n := c.until(20000, func(i int) error {
			if err := ours.WriteData(1, false, []byte("x")); err != nil {
				return err
			}
			if err := c.WriteWindowUpdate(0, 1000); err != nil {
				return err
			}
			if err := c.WriteWindowUpdate(1, 20); err != nil {
				return err
			}
			return c.WritePing(false, [8]byte{}) // as gRPC's clients measure the path
		})
		if n < 20000 {
			t.Errorf("ended after %d", n)
		}
	})
}

func TestResetsThatTheClientProvokesCount(t *testing.T) {
	for _, tc := range []struct {
		code http2.ErrCode
		ends bool
	}{
		{http2.ErrCodeProtocol, true}, {http2.ErrCodeFlowControl, true}, {http2.ErrCodeStreamClosed, true},
		{http2.ErrCodeFrameSize, true}, {http2.ErrCodeRefusedStream, true},
		{http2.ErrCodeNo, false}, {http2.ErrCodeInternal, false}, {http2.ErrCodeCancel, false},
	} {
		t.Run(tc.code.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := watched(t, Limits{})
				go func() { _, _ = io.Copy(io.Discard, c.nc) }()
				ours := http2.NewFramer(c.side, nil)
				n := c.until(1000, func(i int) error { return ours.WriteRSTStream(uint32(2*i+1), tc.code) })
				synctest.Wait()
				select {
				case err := <-c.end:
					if !tc.ends || err != ErrFlood {
						t.Errorf("ended with %v after %d", err, n)
					}
				default:
					if tc.ends {
						t.Error("the connection lives")
					}
				}
			})
		})
	}
}

func TestWhatIsAnsweredTooLateForTheClientIsNoFaultOfIts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := watched(t, Limits{})
		go func() { _, _ = io.Copy(io.Discard, c.nc) }()
		ours := http2.NewFramer(c.side, nil)
		n := c.until(1000, func(i int) error {
			id := uint32(2*i + 1)
			if err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0x82}, EndHeaders: true}); err != nil {
				return err
			}
			synctest.Wait()
			// An answer ends before the upload does; what was under way of that is answered by resets.
			_ = ours.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0x88}, EndHeaders: true})
			_ = ours.WriteData(id, true, []byte("no"))
			for range 16 {
				if err := c.WriteData(id, false, make([]byte, 100)); err != nil {
					return err
				}
				if err := ours.WriteRSTStream(id, http2.ErrCodeStreamClosed); err != nil {
					return err
				}
			}
			return nil
		})
		if n < 1000 {
			t.Errorf("ended after %d", n)
		}
	})
}

func TestAnAnsweredStreamMayBeReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := watched(t, Limits{})
		go func() { _, _ = io.Copy(io.Discard, c.nc) }()
		ours := http2.NewFramer(c.side, nil)
		n := c.until(1500, func(i int) error {
			id := uint32(2*i + 1)
			if err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0x82}, EndHeaders: true, EndStream: true}); err != nil {
				return err
			}
			synctest.Wait()
			if err := ours.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0x88}, EndHeaders: true}); err != nil {
				return err
			}
			return c.WriteRSTStream(id, http2.ErrCodeCancel)
		})
		if n < 1500 {
			t.Errorf("ended after %d", n)
		}
	})
}

func TestAHeaderBlockHasItsTime(t *testing.T) {
	const limit = 10 * time.Second
	var whole bytes.Buffer
	if err := http2.NewFramer(&whole, nil).WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, 40), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	var ping bytes.Buffer
	_ = http2.NewFramer(&ping, nil).WritePing(false, [8]byte{})
	cases := []struct {
		name  string
		first []byte
		pause time.Duration
		rest  []byte
		ends  bool
	}{
		{"in time", whole.Bytes()[:20], limit - time.Second, whole.Bytes()[20:], false},
		{"too late", whole.Bytes()[:20], limit + time.Second, whole.Bytes()[20:], true},
		{"stuck in the head of a frame", whole.Bytes()[:4], limit + time.Second, whole.Bytes()[4:], true},
		{"idle between frames", whole.Bytes(), time.Hour, ping.Bytes(), false},
		{"idle before the first", nil, time.Hour, ping.Bytes(), false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := watched(t, Limits{HeaderTimeout: limit})
				if _, err := c.nc.Write(tc.first); err != nil {
					t.Fatal(err)
				}
				<-time.After(tc.pause)
				_, err := c.nc.Write(tc.rest)
				if ended := err != nil; ended != tc.ends {
					t.Errorf("ended: %v, want %v", ended, tc.ends)
				}
				if tc.ends {
					if kind := <-c.told; kind != SlowHeader {
						t.Errorf("told %q", kind)
					}
				}
			})
		})
	}
}

func TestABlockThatDripsHasNoMoreTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := watched(t, Limits{})
		began := time.Now()
		c.until(100, func(i int) error {
			<-time.After(time.Second)
			if i == 0 {
				return c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
			}
			return c.WriteContinuation(1, false, nil)
		})
		if lived := time.Since(began); lived > 13*time.Second {
			t.Errorf("lived for %v", lived)
		}
		if kind := <-c.told; kind != SlowHeader {
			t.Errorf("told %q", kind)
		}
	})
}

func TestPartialTellsOfDataThatNobodySeesYet(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	c := New(far, Limits{Prefaced: true}).(*Conn)
	var b bytes.Buffer
	_ = http2.NewFramer(&b, nil).WriteData(1, false, make([]byte, 1000))
	read := make([]byte, 4096)
	for _, step := range []struct{ write, want int }{{5, 0}, {4, 0}, {100, 100}, {899, 999}, {1, 0}} {
		go func() { _, _ = near.Write(b.Next(step.write)) }()
		if _, err := c.Read(read); err != nil || c.Partial() != int64(step.want) {
			t.Errorf("after %d bytes more: partial %d, want %d (%v)", step.write, c.Partial(), step.want, err)
		}
	}
}

func TestTheEndOfAConnectionIsPassedOn(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(net.Conn)
		want error
	}{
		{"closed", func(nc net.Conn) { _ = nc.Close() }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := watched(t, Limits{})
			tc.end(c.nc)
			if err := <-c.end; err != tc.want {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestTLSStaysVisible(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	if _, ok := New(tls.Server(far, &tls.Config{}), Limits{}).(interface{ ConnectionState() tls.ConnectionState }); !ok {
		t.Error("no ConnectionState over TLS")
	}
	if _, ok := New(far, Limits{}).(interface{ ConnectionState() tls.ConnectionState }); ok {
		t.Error("a ConnectionState without TLS")
	}
}

func TestWatchingAllocatesNothing(t *testing.T) {
	near := &endless{}
	var b bytes.Buffer
	fr := http2.NewFramer(&b, nil)
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, 30), EndHeaders: true, EndStream: true})
	_ = fr.WriteData(3, true, make([]byte, 100))
	near.b = b.Bytes()
	c := New(near, Limits{Prefaced: true})
	read, write := make([]byte, len(near.b)), near.b
	if n := testing.AllocsPerRun(200, func() {
		if _, err := c.Read(read); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(write)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// endless is a connection that always has b to read.
type endless struct {
	net.Conn
	b []byte
}

func (e *endless) Read(b []byte) (int, error)        { return copy(b, e.b), nil }
func (e *endless) Write(b []byte) (int, error)       { return len(b), nil }
func (e *endless) SetReadDeadline(_ time.Time) error { return nil }

func BenchmarkWatch(b *testing.B) {
	var out bytes.Buffer
	fr := http2.NewFramer(&out, nil)
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, 60), EndHeaders: true, EndStream: true})
	near := &endless{b: out.Bytes()}
	c := New(near, Limits{Prefaced: true})
	read := make([]byte, len(near.b))
	for b.Loop() {
		_, _ = c.Read(read)
	}
}

func FuzzScanner(f *testing.F) {
	var b bytes.Buffer
	fr := http2.NewFramer(&b, nil)
	_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("abc"), EndHeaders: true})
	_ = fr.WriteData(1, true, []byte("hello"))
	_ = fr.WriteRSTStream(1, http2.ErrCodeCancel)
	_ = fr.WriteWindowUpdate(0, 100)
	f.Add(b.Bytes(), uint8(1))
	f.Add(b.Bytes(), uint8(7))
	f.Add([]byte(strings.Repeat("\x00", 40)), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		want := reference(data)
		var got []frame
		var s scanner
		for rest := data; len(rest) > 0; {
			n := min(int(step)+1, len(rest))
			s.scan(rest[:n], func(f frame) bool { got = append(got, f); return true })
			rest = rest[n:]
		}
		if len(got) != len(want) {
			t.Fatalf("%d frames, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("frame %d is %+v, want %+v", i, got[i], want[i])
			}
		}
	})
}

// reference reads the frames of data whose heads, and words, are whole, the slow way.
func reference(data []byte) (all []frame) {
	for len(data) >= headBytes {
		f := frame{length: int(data[0])<<16 | int(data[1])<<8 | int(data[2]), kind: data[3], flags: data[4]}
		f.stream = (uint32(data[5])<<24 | uint32(data[6])<<16 | uint32(data[7])<<8 | uint32(data[8])) & 0x7fffffff
		rest := data[headBytes:]
		at := 0 // where the four bytes end that are read of the payload
		switch {
		case f.length == 4 && (f.kind == 3 || f.kind == 8):
			at = 4
		case f.length >= 8 && f.kind == 7:
			at = 8
		}
		if len(rest) < at {
			return all
		}
		if at > 0 {
			w := rest[at-4 : at]
			f.word = uint32(w[0])<<24 | uint32(w[1])<<16 | uint32(w[2])<<8 | uint32(w[3])
		}
		all = append(all, f)
		data = rest[min(f.length, len(rest)):]
	}
	return all
}
