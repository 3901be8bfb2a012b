package serve

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// written returns the bytes that do writes with a framer.
func written(do func(fr *http2.Framer)) []byte {
	var b bytes.Buffer
	do(http2.NewFramer(&b, nil))
	return b.Bytes()
}

// answerHead is a HEADERS frame with that status.
func answerHead(fr *http2.Framer, status string, end, whole bool) {
	var b bytes.Buffer
	_ = hpack.NewEncoder(&b).WriteField(hpack.HeaderField{Name: ":status", Value: status})
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b.Bytes(), EndStream: end, EndHeaders: whole})
}

func TestOnlyAHeadWhoseBodyIsToComeIsHeld(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		b    []byte
		open bool
	}{
		{"a head", written(func(fr *http2.Framer) { answerHead(fr, "200", false, true) }), true},
		{"a head behind a ping", written(func(fr *http2.Framer) { _ = fr.WritePing(true, [8]byte{}); answerHead(fr, "404", false, true) }), true},
		{"a head without a body", written(func(fr *http2.Framer) { answerHead(fr, "204", true, true) }), false},
		{"a head with its body", written(func(fr *http2.Framer) { answerHead(fr, "200", false, true); _ = fr.WriteData(1, false, []byte("a")) }), false},
		{"half a head", written(func(fr *http2.Framer) { answerHead(fr, "200", false, false) }), false},
		{"100 Continue", written(func(fr *http2.Framer) { answerHead(fr, "100", false, true) }), false},
		{"an unusual status", written(func(fr *http2.Framer) { answerHead(fr, "299", false, true) }), false},
		{"settings", written(func(fr *http2.Framer) { _ = fr.WriteSettings() }), false},
		{"nothing", nil, false},
	} {
		var o outFrames
		if got := o.scan(c.b); got != c.open {
			t.Errorf("%s: got %v", c.name, got)
		}
		for cut := range len(c.b) { // in two parts
			var o outFrames
			if o.scan(c.b[:cut]) && cut > 0 && !strings.Contains(c.name, "a head with its body") {
				t.Errorf("%s: open at byte %d", c.name, cut)
			}
			if got := o.scan(c.b[cut:]); got != c.open {
				t.Errorf("%s, cut at %d: got %v", c.name, cut, got)
			}
		}
	}
}

func FuzzOutFrames(f *testing.F) {
	f.Add(written(func(fr *http2.Framer) { answerHead(fr, "200", false, true); _ = fr.WriteData(1, true, []byte("ab")) }), 3)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		var whole, parts outFrames
		cut = min(max(cut, 0), len(b))
		want := whole.scan(b)
		parts.scan(b[:cut])
		if cut < len(b) && parts.scan(b[cut:]) != want {
			t.Errorf("cut at %d it is something else", cut)
		}
	})
}

// pieces is a connection that keeps what is written, write by write.
type pieces struct {
	net.Conn
	wrote [][]byte
	reads [][]byte
}

func (p *pieces) Write(b []byte) (int, error) {
	p.wrote = append(p.wrote, bytes.Clone(b))
	return len(b), nil
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.reads) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.reads[0])
	if p.reads[0] = p.reads[0][n:]; len(p.reads[0]) == 0 {
		p.reads = p.reads[1:]
	}
	return n, nil
}

func TestAHeadLeavesWithItsBodyOrWhenItIsReleased(t *testing.T) {
	t.Parallel()
	r := newRig(t, "127.0.0.1:1")
	p := &pieces{}
	c := newH2Conn(p, &carrier{e: r.engine}, 0)
	defer c.stop()
	head := written(func(fr *http2.Framer) { answerHead(fr, "200", false, true) })
	data := written(func(fr *http2.Framer) { _ = fr.WriteData(1, true, []byte("ab")) })
	say := func(b []byte) {
		if n, err := c.Write(b); n != len(b) || err != nil {
			t.Errorf("wrote %d of %d: %v", n, len(b), err)
		}
	}
	say(head)
	say(head)
	if len(p.wrote) != 0 {
		t.Errorf("wrote %q", p.wrote)
	}
	say(data)
	say(data)
	say(head)
	c.release()
	c.release() // before the library has written what it is about
	say(head)
	want := [][]byte{bytes.Join([][]byte{head, head, data}, nil), data, head, head}
	if len(p.wrote) != len(want) {
		t.Fatalf("wrote %q", p.wrote)
	}
	for i := range want {
		if !bytes.Equal(p.wrote[i], want[i]) {
			t.Errorf("write %d is %q, want %q", i, p.wrote[i], want[i])
		}
	}
	say(head)
	eventually(t, "a head leaves by itself", func() bool {
		c.writing.Lock()
		defer c.writing.Unlock()
		return len(p.wrote) == 5
	})
}

func TestReadsOfAFramesHeadTakeItsPayloadAlong(t *testing.T) {
	t.Parallel()
	r := newRig(t, "127.0.0.1:1")
	large := bytes.Repeat([]byte("x"), 3000)
	p := &pieces{reads: [][]byte{[]byte("0123456789abc"), []byte("def"), large}}
	c := newH2Conn(p, &carrier{e: r.engine}, 0)
	defer c.stop()
	b := make([]byte, 9)
	for _, want := range []string{"012345678", "9abc", "def"} {
		if n, err := c.Read(b); err != nil || string(b[:n]) != want {
			t.Errorf("got %q, %v; want %q", b[:n], err, want)
		}
	}
	whole := make([]byte, 4000)
	if n, err := c.Read(whole); n != 3000 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := c.Read(b); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// A client that opens no window waits for the head all the same.
func TestAHeadComesBeforeTheWindowOpens(t *testing.T) {
	t.Parallel()
	r, _ := h2c(t, nil, answering(t, hello).addr)
	f := r.newFrames(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	f.ask(1, true)
	for {
		fr, err := f.fr.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if h, ok := fr.(*http2.MetaHeadersFrame); ok {
			if h.PseudoValue("status") != "200" || h.StreamEnded() {
				t.Errorf("got %v", h)
			}
			break
		}
	}
	_ = f.fr.WriteWindowUpdate(1, 100)
	if got := f.outcome(1); got != "hello" {
		t.Errorf("got %q", got)
	}
}

func BenchmarkH2(b *testing.B) {
	_, client := h2c(b, nil, answering(b, hello).addr)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res, err := client.Get("http://a.test/orders/7?x=1")
			if err != nil || res.StatusCode != http.StatusOK {
				b.Fatal(res, err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
}
