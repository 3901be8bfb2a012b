package serve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frames is a client of h2c that says frame by frame what a test wants.
type frames struct {
	t   testing.TB
	nc  net.Conn
	fr  *http2.Framer
	enc *hpack.Encoder
	buf bytes.Buffer
}

// newFrames connects to r with prior knowledge and exchanges SETTINGS.
func (r *rig) newFrames(settings ...http2.Setting) *frames {
	r.t.Helper()
	return framesOn(r.t, r.dial(), settings...)
}

func framesOn(t testing.TB, nc net.Conn, settings ...http2.Setting) *frames {
	f := &frames{t: t, nc: nc}
	f.fr = http2.NewFramer(f.nc, f.nc)
	f.enc = hpack.NewEncoder(&f.buf)
	f.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, _ = io.WriteString(f.nc, http2.ClientPreface)
	_ = f.fr.WriteSettings(settings...)
	return f
}

// head encodes fields, "name", "value" and so on.
func (f *frames) head(fields ...string) []byte {
	f.buf.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = f.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(f.buf.Bytes())
}

// ask sends a HEADERS frame with the fields of a GET of /, of which others may take the place, and more. "+" before a
// name adds it all the same.
func (f *frames) ask(id uint32, end bool, fields ...string) {
	list := []string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a.test"}
	for i := 0; i < len(fields); i += 2 {
		at := -1
		for j := 0; j < 8; j += 2 {
			if list[j] == fields[i] && strings.HasPrefix(fields[i], ":") {
				at = j
			}
		}
		if at < 0 {
			list = append(list, strings.TrimPrefix(fields[i], "+"), fields[i+1])
		} else {
			list[at+1] = fields[i+1]
		}
	}
	_ = f.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.head(list...), EndStream: end, EndHeaders: true})
}

// outcome reads until stream id has ended, and says how: the status and the body, a reset, or the connection's end.
func (f *frames) outcome(id uint32) string {
	status, body := "", ""
	for {
		fr, err := f.fr.ReadFrame()
		if err != nil {
			return "connection: " + fmt.Sprint(unwrapped(err))
		}
		switch fr := fr.(type) {
		case *http2.SettingsFrame:
			if !fr.IsAck() {
				_ = f.fr.WriteSettingsAck()
			}
		case *http2.GoAwayFrame:
			if fr.ErrCode != http2.ErrCodeNo {
				return "goaway: " + fr.ErrCode.String()
			}
		case *http2.MetaHeadersFrame:
			if fr.StreamID != id {
				continue
			}
			if s := fr.PseudoValue("status"); s >= "2" {
				status = s
			}
			if fr.StreamEnded() {
				return strings.TrimSpace(status + " " + body)
			}
		case *http2.DataFrame:
			if fr.StreamID != id {
				continue
			}
			body += string(fr.Data())
			if fr.StreamEnded() {
				return strings.TrimSpace(status + " " + body)
			}
		case *http2.RSTStreamFrame:
			if fr.StreamID == id {
				return strings.TrimSpace(status + " reset: " + fr.ErrCode.String())
			}
		}
	}
}

func unwrapped(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isReset(err):
		return "ended"
	case errors.Is(err, net.ErrClosed):
		return "closed"
	}
	return err.Error()
}

func TestWhatIsNotValidInH2IsRefused(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	r, _ := h2c(t, nil, o.addr)
	const malformed, bad = "reset: PROTOCOL_ERROR", "400"
	for _, c := range []struct {
		name   string
		want   string // how the outcome begins
		fields []string
	}{
		{"a plain GET", "200", nil},
		{"Connection", bad, []string{"connection", "close"}},
		{"Keep-Alive", bad, []string{"keep-alive", "timeout=5"}},
		{"Proxy-Connection", bad, []string{"proxy-connection", "close"}},
		{"Transfer-Encoding", bad, []string{"transfer-encoding", "chunked"}},
		{"Upgrade", bad, []string{"upgrade", "websocket"}},
		{"TE: gzip", bad, []string{"te", "gzip"}},
		{"TE: trailers", "200", []string{"te", "trailers"}},
		{"an upper-case name", malformed, []string{"X-Upper", "a"}},
		{"a name with a space", malformed, []string{"x y", "a"}},
		{"a name with a colon", malformed, []string{"x:y", "a"}},
		{"an empty name", malformed, []string{"", "a"}},
		{"CRLF in a value", malformed, []string{"x-a", "b\r\nx-c: d"}},
		{"LF in a value", malformed, []string{"x-a", "b\nc"}},
		{"NUL in a value", malformed, []string{"x-a", "b\x00c"}},
		{"space before a value", bad, []string{"x-a", " b"}},
		{"tab behind a value", bad, []string{"x-a", "b\t"}},
		{"an unknown pseudo-header", malformed, []string{":foo", "a"}},
		{":protocol of a GET", bad, []string{":protocol", "websocket"}},
		{":protocol of a POST", bad, []string{":method", "POST", ":protocol", "websocket"}},
		{"a pseudo-header twice", malformed, []string{"+:path", "/b"}},
		{"no path", malformed, []string{":path", ""}},
		{"a path without /", malformed, []string{":path", "a/b"}},
		{"a path with a space", bad, []string{":path", "/a HTTP/1.1"}},
		{"a path with a fragment", bad, []string{":path", "/a#b"}},
		{"a path with CRLF", malformed, []string{":path", "/a\r\nx: y"}},
		{"* for a GET", bad, []string{":path", "*"}},
		{"* for OPTIONS", "200", []string{":path", "*", ":method", "OPTIONS"}},
		{"a method with a space", bad, []string{":method", "GET /x HTTP/1.1"}},
		{"no method", malformed, []string{":method", ""}},
		{"TRACE", "405", []string{":method", "TRACE"}},
		{"no scheme", malformed, []string{":scheme", ""}},
		{"another scheme", malformed, []string{":scheme", "ftp"}},
		{"userinfo", malformed, []string{":authority", "user@a.test"}},
		{"a host with a space", malformed, []string{":authority", "a b"}},
		{"a host that can be read in two ways", "400", []string{":authority", "a%2eb"}},
		{"an empty host", bad, []string{":authority", ""}},
		{"another Host", malformed, []string{"host", "b.test"}},
		{"the same Host", "200", []string{"host", "a.test"}},
		{"Content-Length without a body", bad, []string{"content-length", "5"}},
		{"Content-Length 0 without a body", "200", []string{"content-length", "0"}},
		{"Content-Length twice", bad, []string{"content-length", "0", "content-length", "0"}},
		{"Content-Length that is no number", bad, []string{"content-length", "+0"}},
		{"another expectation", "417", []string{"expect", "the-best"}},
		{"a path that can be read in two ways", "400", []string{":path", "/a/..%2fb"}},
	} {
		before, _ := o.seen()
		f := r.newFrames()
		f.ask(1, true, c.fields...)
		if got := f.outcome(1); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if after, _ := o.seen(); (len(after) > len(before)) != (c.want == "200") {
			t.Errorf("%s: the endpoint got %q", c.name, after[len(before):])
		}
		// The connection lives on, but where a header block may have been lost.
		f.ask(3, true)
		if got := f.outcome(3); !strings.HasPrefix(got, "200") {
			t.Errorf("%s: the next request came to %q", c.name, got)
		}
		_ = f.nc.Close()
	}
}

func TestABodyOverH2ThatIsNotAsLongAsItSays(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	r, _ := h2c(t, once, o.addr)
	for _, c := range []struct{ name, length, body, want string }{
		{"as long", "5", "hello", "200"},
		{"shorter", "6", "hello", "400"},
		{"longer", "4", "hello", "reset: PROTOCOL_ERROR"},
	} {
		f := r.newFrames()
		f.ask(1, false, ":method", "POST", "content-length", c.length)
		_ = f.fr.WriteData(1, true, []byte(c.body))
		if got := f.outcome(1); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if whole, _ := o.seen(); len(whole) != 1 {
		t.Errorf("the endpoint got %q", whole)
	}
}

func TestLimitsOfAHeadHoldOverH2(t *testing.T) {
	t.Parallel()
	r, _ := h2c(t, func(r *rig) { r.site.Limits.Head.Fields = 20 }, answering(t, hello).addr)
	many := func(n int) (list []string) {
		for range n {
			list = append(list, "x-a", "b")
		}
		return list
	}
	for _, c := range []struct {
		name, want string
		fields     []string
	}{
		{"15 KiB", "200", []string{"x-a", strings.Repeat("b", 15<<10)}},
		{"17 KiB", "431", []string{"x-a", strings.Repeat("b", 17<<10)}},
		{"31 KiB", "431", []string{"x-a", strings.Repeat("b", 31<<10)}},
		{"few enough fields", "200", many(19)},
		{"too many fields", "431", many(20)},
		{"a long target", "414", []string{":path", "/" + strings.Repeat("a", 9<<10)}},
	} {
		f := r.newFrames()
		f.split(1, c.fields)
		if got := f.outcome(1); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %.60q, want %q", c.name, got, c.want)
		}
	}
}

// A small block that says the same large field over and over is refused by the library, and counted.
func TestAHeaderBombIsRefusedAndCounted(t *testing.T) {
	t.Parallel()
	r, _ := h2c(t, nil, answering(t, hello).addr)
	f := r.newFrames()
	f.ask(1, true, "x-a", strings.Repeat("b", 17<<10)) // no bomb: the hall's
	if got := f.outcome(1); !strings.HasPrefix(got, "431") {
		t.Errorf("got %q", got)
	}
	bomb := r.newFrames()
	list := []string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a.test"}
	for range 1000 {
		list = append(list, "x-a", strings.Repeat("b", 3000))
	}
	_ = bomb.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: bomb.head(list...), EndStream: true, EndHeaders: true})
	if got := bomb.outcome(1); !strings.HasPrefix(got, "431") {
		t.Errorf("got %q", got)
	}
	bomb.ask(3, true)
	if got := bomb.outcome(3); got != "200 hello" {
		t.Errorf("the next came to %q", got)
	}
	if m := r.metrics(); !strings.Contains(m, `weir_defences_total{listener="web",kind="header_bomb"} 1`) {
		t.Error("it is not counted, or the other too")
	}
}

// split sends a GET whose header block may need several frames.
func (f *frames) split(id uint32, fields []string) {
	list := []string{":method", "GET", ":scheme", "http", ":authority", "a.test"}
	if fields[0] != ":path" {
		list = append(list, ":path", "/")
	}
	block := f.head(append(list, fields...)...)
	part := block[:min(len(block), 16<<10)]
	block = block[len(part):]
	_ = f.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: part, EndStream: true, EndHeaders: len(block) == 0})
	for len(block) > 0 {
		part = block[:min(len(block), 16<<10)]
		block = block[len(part):]
		_ = f.fr.WriteContinuation(id, len(block) == 0, part)
	}
}

func TestAConnectionSaysWhatItTakes(t *testing.T) {
	t.Parallel()
	r, _ := h2c(t, func(r *rig) { r.site.Limits.H2Streams = 7 }, "127.0.0.1:1")
	f := r.newFrames()
	fr, err := f.fr.ReadFrame()
	s, ok := fr.(*http2.SettingsFrame)
	if err != nil || !ok {
		t.Fatal(fr, err)
	}
	for id, want := range map[http2.SettingID]uint32{
		http2.SettingEnableConnectProtocol: 1, http2.SettingMaxConcurrentStreams: 7, http2.SettingMaxFrameSize: 16 << 10,
	} {
		if got, ok := s.Value(id); !ok || got != want {
			t.Errorf("%v is %d, want %d", id, got, want)
		}
	}
}

func TestWithoutH2ThePrefaceIsNoRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, "127.0.0.1:1")
	if got := r.say(http2.ClientPreface); !strings.HasPrefix(got, "HTTP/1.1 505 ") && !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("got %q", got)
	}
}

func TestWithoutH1ItIsRefused(t *testing.T) {
	t.Parallel()
	r, client := h2c(t, func(r *rig) { r.site.Protocols = H2 }, answering(t, hello).addr)
	if got := r.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 505 ") {
		t.Errorf("got %q", got)
	}
	if res, _ := fetch(t, client, request(t, "GET", "http://a.test/", nil)); res.StatusCode != 200 {
		t.Errorf("over h2: %v", res)
	}
}

func TestAPrefaceMayComeInPiecesAndH1IsServedBeside(t *testing.T) {
	t.Parallel()
	r, _ := h2c(t, nil, answering(t, hello).addr)
	f := &frames{t: t, nc: r.dial()}
	f.fr = http2.NewFramer(f.nc, f.nc)
	f.enc = hpack.NewEncoder(&f.buf)
	f.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, _ = io.WriteString(f.nc, http2.ClientPreface[:5])
	<-time.After(50 * time.Millisecond) // so that they come one by one; together they'd pass too
	_, _ = io.WriteString(f.nc, http2.ClientPreface[5:])
	_ = f.fr.WriteSettings()
	f.ask(1, true)
	if got := f.outcome(1); !strings.HasPrefix(got, "200") {
		t.Errorf("got %q", got)
	}
	for _, request := range []string{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "PROPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"} {
		if got := r.say(request); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Errorf("%q: got %q", request, got)
		}
	}
}
