package forward

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"weir/http7"
)

// peer is one connection to an endpoint that a test plays by hand, frame by frame.
type peer struct {
	t  *testing.T
	nc net.Conn
	*http2.Framer
	block bytes.Buffer
	enc   *hpack.Encoder
}

// played starts an endpoint whose connections play plays; the script of each connection is called with its
// number, on a goroutine that ends with it.
func played(t *testing.T, script func(n int, p *peer)) *stand {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // accepts; ends with the listener
		for n := 0; ; n++ {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				p := &peer{t: t, nc: nc, Framer: http2.NewFramer(nc, nc)}
				p.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
				p.enc = hpack.NewEncoder(&p.block)
				_ = nc.SetDeadline(time.Now().Add(time.Minute))
				preface := make([]byte, len(http2.ClientPreface))
				if _, err := io.ReadFull(nc, preface); err != nil || string(preface) != http2.ClientPreface {
					t.Errorf("the preface is %q, %v", preface, err)
					return
				}
				_ = p.WriteSettings()
				script(n, p)
			}()
		}
	}()
	return before(t, l.Addr().String(), h2c)
}

// until reads frames up to one that fits and returns its stream.
func (p *peer) until(fits func(http2.Frame) bool) http2.Frame {
	for {
		f, err := p.ReadFrame()
		if err != nil {
			return nil
		}
		if fits(f) {
			return f
		}
	}
}

func isHeaders(f http2.Frame) bool { _, ok := f.(*http2.MetaHeadersFrame); return ok }

// asked returns the stream of the next request; 0 when there is none.
func (p *peer) asked() uint32 {
	if f := p.until(isHeaders); f != nil {
		return f.Header().StreamID
	}
	return 0
}

// headers writes a header block of "name: value" lines.
func (p *peer) headers(id uint32, end bool, lines ...string) {
	p.block.Reset()
	for _, line := range lines {
		at := strings.Index(line[1:], ":") + 1
		_ = p.enc.WriteField(hpack.HeaderField{Name: line[:at], Value: strings.TrimPrefix(line[at+1:], " ")}) // to memory
	}
	b := p.block.Bytes()
	part := b[:min(len(b), 16<<10)]
	b = b[len(part):]
	_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: part, EndHeaders: len(b) == 0, EndStream: end}) // a client that left shows by what is read
	for len(b) > 0 {
		part = b[:min(len(b), 16<<10)]
		b = b[len(part):]
		_ = p.WriteContinuation(id, len(b) == 0, part) // likewise
	}
}

func (p *peer) data(id uint32, end bool, b string) { _ = p.WriteData(id, end, []byte(b)) } // likewise

// cutOrRefused is what comes of an answer that goes wrong behind its head: that depends on what was read of it by
// then.
const cutOrRefused = "upstream_cut or upstream_bad_field"

func TestWhatAnEndpointAnswersOverH2(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		script func(p *peer, id uint32)
		want   string // status, body, trailers; or the fault
	}{
		{"a head and a body", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 200", "a: 1", "b: 2", "a: 3")
			p.data(id, false, "hel")
			p.data(id, true, "lo")
		}, `200 "a: 1\r\nb: 2\r\na: 3\r\n" "hello" ""`},
		{"a head alone", func(p *peer, id uint32) { p.headers(id, true, ":status: 404", "content-length: 0") }, `404 "content-length: 0\r\n" "" ""`},
		{"interim heads and trailers", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 103", "link: a")
			p.headers(id, false, ":status: 200")
			p.data(id, false, "x")
			p.headers(id, true, "grpc-status: 0", "content-type: never", "x-b: 2")
		}, `200 "" "x" "grpc-status: 0\r\nx-b: 2\r\n"`},
		{"a length that holds", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 200", "content-length: 5")
			p.data(id, true, "hello")
		}, `200 "content-length: 5\r\n" "hello" ""`},
		{"a length that says too much", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 200", "content-length: 6")
			p.data(id, true, "hello")
		}, "upstream_cut"},
		{"a length that says too little", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 200", "content-length: 4")
			p.data(id, true, "hello")
		}, "upstream_bad_framing"},
		{"a length and nothing", func(p *peer, id uint32) { p.headers(id, true, ":status: 200", "content-length: 4") }, "upstream_bad_framing"},
		{"two lengths", func(p *peer, id uint32) {
			p.headers(id, true, ":status: 200", "content-length: 0", "content-length: 0")
		}, "upstream_bad_framing"},
		{"a length that is none", func(p *peer, id uint32) { p.headers(id, true, ":status: 200", "content-length: +1") }, "upstream_bad_framing"},
		{"a body of 204", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 204")
			p.data(id, true, "hello")
		}, "upstream_bad_framing"},
		{"no status", func(p *peer, id uint32) { p.headers(id, true, "a: b") }, "upstream_bad_field"},
		{"two statuses", func(p *peer, id uint32) { p.headers(id, true, ":status: 200", ":status: 200") }, "upstream_bad_field"},
		{"a status of four digits", func(p *peer, id uint32) { p.headers(id, true, ":status: 2000") }, "upstream_bad_field"},
		{"a request's pseudo-field", func(p *peer, id uint32) { p.headers(id, true, ":status: 200", ":path: /") }, "upstream_bad_field"},
		{"a pseudo-field behind others", func(p *peer, id uint32) { p.headers(id, true, "a: b", ":status: 200") }, "upstream_bad_field"},
		{"a name in capitals", func(p *peer, id uint32) { p.headers(id, true, ":status: 200", "A: b") }, "upstream_bad_field"},
		{"a value with a line end", func(p *peer, id uint32) { p.headers(id, true, ":status: 200", "a: b\r\nc: d") }, "upstream_bad_field"},
		{"a value with space behind", func(p *peer, id uint32) { p.headers(id, true, ":status: 200", "a: b ") }, "upstream_bad_field"},
		{"a connection field", func(p *peer, id uint32) { p.headers(id, true, ":status: 200", "connection: close") }, "upstream_bad_field"},
		{"chunks", func(p *peer, id uint32) { p.headers(id, true, ":status: 200", "transfer-encoding: chunked") }, "upstream_bad_field"},
		{"a switch of protocols", func(p *peer, id uint32) { p.headers(id, false, ":status: 101") }, "upstream_unasked_101"},
		{"an interim head that ends it", func(p *peer, id uint32) { p.headers(id, true, ":status: 103") }, "upstream_bad_field"},
		{"a flood of interim heads", func(p *peer, id uint32) {
			for range 40 {
				p.headers(id, false, ":status: 103")
			}
			p.headers(id, true, ":status: 200")
		}, "upstream_bad_field"},
		{"a body without a head", func(p *peer, id uint32) { p.data(id, true, "x") }, "upstream_bad_field"},
		{"trailers that don't end it", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 200")
			p.headers(id, false, "a: b")
		}, cutOrRefused},
		{"trailers with a pseudo-field", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 200")
			p.headers(id, true, ":status: 200")
		}, cutOrRefused},
		{"a head of several frames", func(p *peer, id uint32) {
			p.headers(id, true, ":status: 200", "a: "+strings.Repeat("x", 25_000), "b: "+strings.Repeat("\\", 25_000))
		}, fmt.Sprintf("200 %q \"\" \"\"", "a: "+strings.Repeat("x", 25_000)+"\r\nb: "+strings.Repeat("\\", 25_000)+"\r\n")},
		{"a head over the limit", func(p *peer, id uint32) {
			p.headers(id, true, ":status: 200", "a: "+strings.Repeat("x", 40_000), "b: "+strings.Repeat("x", 40_000))
		}, "upstream_head_too_large"},
		{"more fields than there may be", func(p *peer, id uint32) {
			p.headers(id, true, append([]string{":status: 200"}, strings.Split(strings.Repeat("a: b,", 300), ",")[:300]...)...)
		}, "upstream_head_too_large"},
		{"a refusal", func(p *peer, id uint32) { _ = p.WriteRSTStream(id, http2.ErrCodeRefusedStream) }, "upstream_refused"},
		{"a refusal behind a head", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 200")
			_ = p.WriteRSTStream(id, http2.ErrCodeRefusedStream)
		}, "upstream_cut"},
		{"a reset", func(p *peer, id uint32) { _ = p.WriteRSTStream(id, http2.ErrCodeInternal) }, "upstream_reset"},
		{"a cancellation", func(p *peer, id uint32) { _ = p.WriteRSTStream(id, http2.ErrCodeCancel) }, "upstream_cancelled"},
		{"a call for calm", func(p *peer, id uint32) { _ = p.WriteRSTStream(id, http2.ErrCodeEnhanceYourCalm) }, "upstream_calm"},
		{"a reset in the body", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 200")
			p.data(id, false, "x")
			_ = p.WriteRSTStream(id, http2.ErrCodeInternal)
		}, "upstream_cut"},
		{"a whole answer and a reset", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 200")
			p.data(id, true, "x")
			_ = p.WriteRSTStream(id, http2.ErrCodeNo)
		}, `200 "" "x" ""`},
		{"a goodbye before the stream", func(p *peer, id uint32) { _ = p.WriteGoAway(id-1, http2.ErrCodeNo, nil) }, "upstream_refused"},
		{"a goodbye for too much calm", func(p *peer, id uint32) { _ = p.WriteGoAway(id-1, http2.ErrCodeEnhanceYourCalm, nil) }, "upstream_calm"},
		{"a goodbye behind the stream", func(p *peer, id uint32) {
			_ = p.WriteGoAway(id, http2.ErrCodeNo, nil)
			p.headers(id, true, ":status: 200")
		}, `200 "" "" ""`},
		{"the end of the connection", func(p *peer, id uint32) { _ = p.nc.Close() }, "upstream_reset"},
		{"a push", func(p *peer, id uint32) {
			_ = p.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: 2, EndHeaders: true})
		}, "upstream_bad_field"},
		{"a frame on a stream that is not open", func(p *peer, id uint32) { _ = p.WriteWindowUpdate(id+2, 1) }, "upstream_bad_field"},
		{"a body over its window", func(p *peer, id uint32) {
			p.headers(id, false, ":status: 200")
			for range 5 {
				p.data(id, false, strings.Repeat("x", 16<<10))
			}
		}, cutOrRefused},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := played(t, func(_ int, p *peer) {
				if id := p.asked(); id != 0 {
					test.script(p, id)
					p.until(func(http2.Frame) bool { return false })
				}
			})
			got := s.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").String()
			if got != test.want && (test.want != cutOrRefused || got != "upstream_cut" && got != "upstream_bad_field") {
				t.Errorf("\n got %.300s\nwant %.300s", got, test.want)
			}
		})
	}
}

// String writes down an answer, or the fault.
func (g told) String() string {
	if g.fault != nil {
		return g.fault.Name
	}
	return fmt.Sprintf("%d %q %q %q", g.status, g.header.AppendLines(nil, 0), g.body, g.trailer.AppendLines(nil, 0))
}

func TestAnEndpointThatSpeaksNoH2IsNoAnswer(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.reload(h2c)
	got := s.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if got.fault != http7.ConnectFailed || got.cause == nil || got.cause.Error() != "the endpoint does not speak HTTP/2" {
		t.Fatal(got.fault, got.cause)
	}
}
