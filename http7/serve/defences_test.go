package serve

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/net/http2"

	"weir/internal/framewatch"
	"weir/internal/obs"
)

// brisk has limits that an attack reaches soon.
func brisk(r *rig) {
	r.site.Protocols = H1 | H2
	r.site.Limits.HeaderTimeout, r.site.Limits.WriteStall = 300*time.Millisecond, 400*time.Millisecond
	r.site.Limits.BodyRate = 1 << 20
}

// unread is an answer that no socket takes whole.
const unread = "HTTP/1.1 200 OK\r\nContent-Length: 40000000\r\n\r\n"

// endlessly answers with more than anybody reads.
func endlessly(t testing.TB) string {
	return origin(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, err := io.WriteString(c, unread)
		for b := make([]byte, 64<<10); err == nil; {
			_, err = c.Write(b)
		}
	})
}

func TestEachAttackIsCountedOnEachProtocol(t *testing.T) {
	t.Parallel()
	post := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\na"
	flood := func(f *frames, n int, do func(i int) error) {
		for i := range n {
			if do(i) != nil {
				return
			}
		}
	}
	for _, c := range []struct {
		name, kind string
		h1         string // what is sent over HTTP/1.1
		h2         func(f *frames)
		h3         func(c *rawH3)
		settings   []http2.Setting
	}{
		{name: "half a head over HTTP/1.1", kind: slowHeader, h1: "GET / HTTP/1.1\r\nHo"},
		{name: "half the preface of h2c", kind: slowHeader, h1: http2.ClientPreface[:10]},
		{name: "the part of a preface that looks like a head", kind: slowHeader, h1: http2.ClientPreface[:18]},
		{name: "half a body over HTTP/1.1", kind: slowBody, h1: post},
		{name: "an answer that is not read over HTTP/1.1", kind: writeStall, h1: get},
		{name: "a hello of TLS on a plain port", kind: tlsOnPlain, h1: "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"},
		{name: "half a head over HTTP/2", kind: slowHeader, h2: func(f *frames) {
			_ = f.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head(":method", "GET")})
		}},
		{name: "a preface without SETTINGS over HTTP/2", kind: slowHeader, h1: http2.ClientPreface},
		{name: "half a body over HTTP/2", kind: slowBody, h2: func(f *frames) { f.ask(1, false, ":method", "POST", "content-length", "5") }},
		{name: "a window that stays shut over HTTP/2", kind: windowStall, h2: func(f *frames) { f.ask(1, true) }},
		{name: "an answer that is not read over HTTP/2", kind: writeStall, settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 1 << 30}}, h2: func(f *frames) {
			_ = f.fr.WriteWindowUpdate(0, 1<<30)
			for i := range uint32(5) {
				f.ask(2*i+1, true)
			}
		}},
		{name: "header blocks without end over HTTP/2", kind: framewatch.ContinuationFlood, h2: func(f *frames) {
			_ = f.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head(":method", "GET")})
			flood(f, 1000, func(int) error { return f.fr.WriteContinuation(1, false, nil) })
		}},
		{name: "header blocks over the bound in many pieces over HTTP/2", kind: framewatch.ContinuationFlood, h2: func(f *frames) {
			_ = f.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a")})
			many := bytes.Repeat([]byte{0x00, 0x01, 'a', 0x01, 'b'}, 1000)
			flood(f, 6, func(i int) error { return f.fr.WriteContinuation(1, false, many) })
		}},
		{name: "resets over HTTP/2", kind: rapidReset, h2: func(f *frames) {
			go func() { _, _ = io.Copy(io.Discard, f.nc) }() // ends with the connection
			flood(f, 2000, func(i int) error {
				f.ask(uint32(2*i+1), true)
				return f.fr.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel)
			})
		}},
		{name: "SETTINGS over HTTP/2", kind: controlFlood, h2: func(f *frames) { flood(f, 1000, func(int) error { return f.fr.WriteSettings() }) }},
		{name: "empty data over HTTP/2", kind: framewatch.EmptyData, h2: func(f *frames) {
			f.ask(1, false, ":method", "POST")
			flood(f, 1000, func(int) error { return f.fr.WriteData(1, false, nil) })
		}},
		{name: "half a body over HTTP/3", kind: slowBody, h3: func(c *rawH3) { c.open(postHead("/"), data("a")) }},
		{name: "a window that stays shut over HTTP/3", kind: windowStall, h3: func(c *rawH3) { _ = c.open(getHead("/")).Close() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, func(r *rig) {
				if brisk(r); c.kind != slowHeader { // a busy machine sends a flood slowly
					r.site.Limits.HeaderTimeout = time.Minute
				}
				if c.kind == rapidReset { // and reads slowly
					r.site.Limits.WriteStall = time.Minute
				}
			}, endlessly(t))
			switch {
			case c.h1 != "":
				_, _ = io.WriteString(r.dial(), c.h1)
			case c.h2 != nil:
				c.h2(r.newFrames(c.settings...))
			default:
				c.h3(newH3Front(t, r).raw())
			}
			becomes(t, c.kind, "1", func() string { return r.defended(c.kind) })
		})
	}
}

// Of a client that stalls before its first frame, over TLS, the library has enough.
func TestAPrefaceThatStallsOverTLSIsCounted(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, brisk, "127.0.0.1:1")
	f := newFrontOffering(t, r, "h2")
	f.client.NextProtos = []string{"h2"}
	nc := f.dial(t)
	_, _ = io.WriteString(nc, http2.ClientPreface)
	becomes(t, slowHeader, "1", func() string { return r.defended(slowHeader) })
}

func TestAQUICHandshakeThatStallsIsCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, "127.0.0.1:1")
	f := newH3Front(t, r)
	f.host.HandshakeTimeout = 400 * time.Millisecond
	if err := f.port.Publish(f.host); err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	deaf := &quic.Transport{Conn: &onlyFirst{PacketConn: pc}}
	t.Cleanup(func() { _ = deaf.Close(); _ = pc.Close() })
	to, _ := net.ResolveUDPAddr("udp4", f.addr)
	go func() { _, _ = deaf.Dial(t.Context(), to, f.client, &quic.Config{HandshakeIdleTimeout: time.Second}) }() // ends without a connection
	becomes(t, slowHandshake, "1", func() string { return r.defended(slowHandshake) })
}

// onlyFirst is a socket whose owner hears nothing.
type onlyFirst struct{ net.PacketConn }

// ReadFrom drops what comes.
func (o *onlyFirst) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		if _, _, err := o.PacketConn.ReadFrom(b); err != nil {
			return 0, nil, err
		}
	}
}

// Who leaves early, or is idle, attacks nobody.
func TestClientsThatLeaveAreNoAttack(t *testing.T) {
	t.Parallel()
	patiently(t, 300*time.Millisecond, func(d time.Duration) error { // until all of them leave early
		r := newRigWith(t, func(r *rig) {
			brisk(r)
			r.site.Limits.HeaderTimeout = d
		}, answering(t, hello).addr)
		for _, sent := range []string{"", "GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\na", http2.ClientPreface, http2.ClientPreface[:9]} {
			c := r.dial()
			_, _ = io.WriteString(c, sent)
			<-time.After(50 * time.Millisecond)
			_ = c.Close()
		}
		silent := r.dial()
		_, _ = io.ReadAll(silent) // until it is closed
		if m := r.metrics(); strings.Contains(m, "\nweir_defences_total{") {
			return fmt.Errorf("counted: %s", m[strings.Index(m, "\nweir_defences_total{"):])
		}
		return nil
	})
}

func TestTheManualKnowsTheDefences(t *testing.T) {
	for _, kind := range []string{
		rapidReset, controlFlood, slowHeader, slowBody, headerBomb, tooManyStreams, writeStall, windowStall, slowHandshake,
		handshakeFlood, tlsOnPlain, framewatch.ContinuationFlood, framewatch.EmptyData,
	} {
		if !slices.ContainsFunc(obs.Defences(), func(d obs.Defence) bool { return d.Kind == kind }) {
			t.Errorf("%s is not listed", kind)
		}
	}
}

// Half a preface may become a request still, but gets no time of its own for that.
func TestHalfAPrefaceHasTheTimeOfAHead(t *testing.T) {
	t.Parallel()
	patiently(t, 400*time.Millisecond, func(d time.Duration) error { // until nothing else holds it up as long
		r := newRigWith(t, func(r *rig) {
			r.site.Protocols = H1 | H2
			r.site.Limits.HeaderTimeout = d
		}, "127.0.0.1:1")
		begin := time.Now()
		got := r.say("PR")
		took := time.Since(begin)
		if !strings.HasPrefix(got, "HTTP/1.1 408 ") || took < d {
			t.Errorf("got %q after %v, want 408 after %v", got, took, d)
		}
		if took > d*19/10 {
			return fmt.Errorf("after %v, want %v", took, d)
		}
		return nil
	})
}
