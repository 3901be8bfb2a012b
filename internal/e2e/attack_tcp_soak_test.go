//go:build linux && soak

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// hostile is an HTTP/2 connection in bad hands.
type hostile struct {
	*http2.Framer
	nc     net.Conn
	stream uint32
	step   int
	pack   *hpack.Encoder
	block  bytes.Buffer
}

func (h *hostile) next() uint32 {
	h.stream += 2
	return h.stream - 2
}

// get returns the header block of a request.
func (h *hostile) get(path string, fields ...hpack.HeaderField) []byte {
	h.block.Reset()
	for _, f := range append([]hpack.HeaderField{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "weir.test"}, {Name: ":path", Value: path},
	}, fields...) {
		_ = h.pack.WriteField(f) // into memory
	}
	return h.block.Bytes()
}

func (h *hostile) ask(end bool, path string) (uint32, error) {
	id := h.next()
	return id, h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: h.get(path), EndHeaders: true, EndStream: end})
}

// seize begins HTTP/2 on nc, whose side to us is read by nobody if deaf.
func seize(nc net.Conn, deaf bool, settings ...http2.Setting) (*hostile, error) {
	h := &hostile{Framer: http2.NewFramer(nc, nil), nc: nc, stream: 1}
	h.AllowIllegalWrites = true
	h.pack = hpack.NewEncoder(&h.block)
	if _, err := io.WriteString(nc, http2.ClientPreface); err != nil {
		return nil, err
	}
	if !deaf {
		go func() { _, _ = io.Copy(io.Discard, nc); _ = nc.Close() }() // ends with the connection, and notices its end
	}
	return h, h.WriteSettings(settings...)
}

// h2 is a salvo on a connection of HTTP/2.
func h2(rate int, dial func(*siege, context.Context) (net.Conn, error), blow func(h *hostile) error) func(context.Context, *siege) {
	return salvo(rate, func(ctx context.Context, s *siege) (func() error, func(), error) {
		nc, err := dial(s, ctx)
		if err != nil {
			return nil, nil, err
		}
		end := func() { _ = nc.Close() }
		h, err := seize(nc, false)
		if err != nil {
			end()
			return nil, nil, err
		}
		return func() error { return blow(h) }, end, nil
	})
}

func resetAtOnce(h *hostile) error {
	id, err := h.ask(true, "/")
	if err != nil {
		return err
	}
	return h.WriteRSTStream(id, http2.ErrCodeCancel)
}

// continued sends a header block without end, whose pieces are part.
func continued(part []byte) func(*hostile) error {
	return func(h *hostile) error {
		if h.step++; h.step == 1 {
			return h.WriteHeaders(http2.HeadersFrameParam{StreamID: h.next(), BlockFragment: h.get("/")})
		}
		return h.WriteContinuation(h.stream-2, false, part)
	}
}

// bomb sends one large field, and its name in the table thousands of times.
func bomb(h *hostile) error {
	fields := h.get("/", hpack.HeaderField{Name: "x-bomb", Value: strings.Repeat("b", 3000)})
	if h.step++; h.step > 1 { // as it stands in the table
		fields = h.get("/")
	}
	return h.WriteHeaders(http2.HeadersFrameParam{
		StreamID: h.next(), EndHeaders: true, EndStream: true, BlockFragment: append(bytes.Clone(fields), bytes.Repeat([]byte{0x80 | 62}, 4000)...),
	})
}

var floods = []attack{
	{name: "rapid reset over h2", kinds: "rapid_reset", run: h2(2000, (*siege).secure, resetAtOnce)},
	{name: "rapid reset over h2c", kinds: "rapid_reset", run: h2(2000, (*siege).plain, resetAtOnce)},
	{name: "resets that Weir is made to send", kinds: "rapid_reset", run: h2(2000, (*siege).secure, func(h *hostile) error {
		id, err := h.ask(true, "/")
		if err != nil {
			return err
		}
		return h.WriteWindowUpdate(id, 0)
	})},
	{name: "continuations", kinds: "continuation_flood", run: h2(2000, (*siege).secure, continued(bytes.Repeat([]byte{0x00, 0x01, 'a', 0x01, 'b'}, 100)))},
	{name: "empty continuations", kinds: "continuation_flood", run: h2(2000, (*siege).secure, continued(nil))},
	{name: "SETTINGS", kinds: "control_flood", run: h2(2000, (*siege).secure, func(h *hostile) error { return h.WriteSettings() })},
	{name: "PINGs", kinds: "control_flood", run: h2(2000, (*siege).secure, func(h *hostile) error { return h.WritePing(false, [8]byte{}) })},
	{name: "empty data", kinds: "empty_data_flood", run: h2(2000, (*siege).secure, func(h *hostile) error {
		if h.step++; h.step == 1 {
			_, err := h.ask(false, "/")
			return err
		}
		return h.WriteData(h.stream-2, false, nil)
	})},
	{name: "HPACK bombs", kinds: "header_bomb", run: h2(500, (*siege).secure, bomb)},
}

// dribble sends the beginning at once and the rest byte by byte.
func dribble(dial func(*siege, context.Context) (net.Conn, error), begin, rest string) func(context.Context, *siege) {
	return crowd(func(ctx context.Context, s *siege) error {
		nc, err := dial(s, ctx)
		if err != nil {
			return err
		}
		defer func() { _ = nc.Close() }()
		if _, err := io.WriteString(nc, begin); err != nil {
			return err
		}
		go func() { _, _ = io.Copy(io.Discard, nc); _ = nc.Close() }() // notices that it was ended
		return repeat(ctx, time.Second, func() error {
			_, err := io.WriteString(nc, rest)
			return err
		})
	})
}

// crawl is dribble over HTTP/2: begin begins, and more is done every second.
func crawl(dial func(*siege, context.Context) (net.Conn, error), deaf bool, settings []http2.Setting, begin, more func(h *hostile) error) func(context.Context, *siege) {
	return crowd(func(ctx context.Context, s *siege) error {
		nc, err := dial(s, ctx)
		if err != nil {
			return err
		}
		defer func() { _ = nc.Close() }()
		if deaf {
			narrow(nc)
		}
		h, err := seize(nc, deaf, settings...)
		if err != nil {
			return err
		}
		if err := begin(h); err != nil {
			return err
		}
		return repeat(ctx, time.Second, func() error { return more(h) })
	})
}

// What is asked for must not fit into the buffers of a client that takes nothing, which are small; and what the endpoint
// puts into Weir's before it stops costs its core, not Weir's.
const (
	beyondWindow = "/big?n=200000"
	beyondSocket = "/big?n=6000000"
)

// narrow gives a connection a small buffer for what comes.
func narrow(nc net.Conn) {
	if over, ok := nc.(*tls.Conn); ok {
		nc = over.NetConn()
	}
	_ = nc.(*net.TCPConn).SetReadBuffer(4 << 10) // of a socket that is open
}

// shut asks for more than the window lets through, on a few streams.
func shut(h *hostile) error {
	for range 4 {
		if _, err := h.ask(true, beyondWindow); err != nil {
			return err
		}
	}
	return nil
}

func quiet(h *hostile) error { return h.WritePing(true, [8]byte{}) }

// clientHello is a whole one.
func clientHello(cfg *tls.Config) []byte {
	near, far := net.Pipe()
	defer func() { _ = near.Close() }()
	go func() { _ = tls.Client(far, cfg).Handshake(); _ = far.Close() }() // ends with the pipe
	b := make([]byte, 16<<10)
	n, _ := near.Read(b) // a hello is one record, written at once
	return b[:n]
}

const (
	halfAHead  = "GET / HTTP/1.1\r\nHost: weir.test\r\nX-Slow: "
	halfABody  = "POST /sink HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 1000000\r\n\r\n"
	soonStalls = "limits.write_stall = \"10s\""
)

var slowAttacks = []attack{
	{name: "slow heads over HTTP/1.1", kinds: "slow_header", run: dribble((*siege).plain, halfAHead, "a")},
	{name: "slow bodies over HTTP/1.1", kinds: "slow_body", run: dribble((*siege).plain, halfABody, "a")},
	{name: "answers over HTTP/1.1 that nobody reads", kinds: "write_stall", limits: soonStalls, run: crowd(func(ctx context.Context, s *siege) error {
		nc, err := s.plain(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = nc.Close() }()
		narrow(nc)
		if _, err := io.WriteString(nc, "GET "+beyondSocket+" HTTP/1.1\r\nHost: weir.test\r\n\r\n"); err != nil {
			return err
		}
		return repeat(ctx, time.Second, func() error { // fails once the connection is reset
			_, err := io.WriteString(nc, "\r\n")
			return err
		})
	})},
	{name: "half the preface of h2c", kinds: "slow_header", run: dribble((*siege).plain, http2.ClientPreface[:18], "")},
	{name: "slow heads over h2", kinds: "slow_header", run: crawl((*siege).secure, false, nil, func(h *hostile) error {
		return h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: h.get("/")})
	}, func(h *hostile) error { return h.WriteContinuation(1, false, nil) })},
	{name: "slow bodies over h2", kinds: "slow_body", run: crawl((*siege).secure, false, nil, func(h *hostile) error {
		_, err := h.ask(false, "/sink")
		return err
	}, func(h *hostile) error { return h.WriteData(1, false, []byte("a")) })},
	{name: "windows that stay shut over h2", kinds: "window_stall", limits: soonStalls, run: crawl((*siege).secure, false, []http2.Setting{{ID: http2.SettingInitialWindowSize}}, shut, quiet)},
	{name: "windows that stay shut over h2c", kinds: "window_stall", limits: soonStalls, run: crawl((*siege).plain, false, []http2.Setting{{ID: http2.SettingInitialWindowSize}}, shut, quiet)},
	{name: "answers over h2 that nobody reads", kinds: "write_stall|window_stall", limits: soonStalls, run: crawl((*siege).secure, true, []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 1 << 30}}, func(h *hostile) error {
		if err := h.WriteWindowUpdate(0, 1<<30); err != nil {
			return err
		}
		_, err := h.ask(true, beyondSocket)
		return err
	}, quiet)},
	{name: "half a hello", kinds: "slow_handshake|handshake_flood", run: dribble((*siege).raw, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00")},
	{name: "hellos, and then nothing", kinds: "slow_handshake|handshake_flood", run: func(ctx context.Context, s *siege) {
		dribble((*siege).raw, string(clientHello(s.tls)), "")(ctx, s)
	}},
}
