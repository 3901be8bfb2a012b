package h2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"weir/http7"
	"weir/internal/deadline"
)

// pair is a connection and the endpoint that a test plays on its other side.
type pair struct {
	t *testing.T
	*Conn
	far   *http2.Framer
	nc    net.Conn
	ended chan struct{}
}

func newPair(t *testing.T, o Options, settings ...http2.Setting) *pair {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	_ = far.SetDeadline(time.Now().Add(time.Minute))
	p := &pair{t: t, nc: far, far: http2.NewFramer(far, far), ended: make(chan struct{})}
	p.far.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if o.Streams == 0 {
		o.Streams = 100
	}
	if o.HeaderBytes == 0 {
		o.HeaderBytes = 64 << 10
	}
	o.Ended = func() { close(p.ended) }
	p.Conn = New(near, near, deadline.New(), o)
	go p.Run() // the connection's; ends with it
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(far, preface); err != nil || string(preface) != http2.ClientPreface {
		t.Fatalf("the preface is %q, %v", preface, err)
	}
	p.do(p.far.WriteSettings(settings...))
	if err := p.Await(); err != nil {
		t.Fatal(err)
	}
	p.frame("SETTINGS", "WINDOW_UPDATE", "SETTINGS")
	return p
}

func (p *pair) do(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// frame reads frames of those kinds, in that order, and returns the last.
func (p *pair) frame(kinds ...string) (f http2.Frame) {
	p.t.Helper()
	for _, kind := range kinds {
		var err error
		if f, err = p.far.ReadFrame(); err != nil {
			p.t.Fatalf("%v in place of %s", err, kind)
		}
		if got := f.Header().Type.String(); got != kind {
			p.t.Fatalf("got %v, want %s", f, kind)
		}
	}
	return f
}

// takes reports whether the connection takes streams.
func (p *pair) takes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.usable()
}

// over waits for the end of the connection.
func (p *pair) over() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		p.t.Fatal("the connection does not end")
	}
}

var getBlock = []byte{0x82, 0x86, 0x84} // GET http /

// open opens a stream; the far side has read its head.
func (p *pair) open(end bool) *Stream {
	p.t.Helper()
	if !p.Reserve() {
		p.t.Fatal("no stream to be had")
	}
	s := p.Stream()
	p.do(s.Open(getBlock, end))
	s.Flush()
	if f := p.frame("HEADERS").(*http2.MetaHeadersFrame); f.StreamID != s.id || f.StreamEnded() != end {
		p.t.Fatalf("got %v", f)
	}
	return s
}

// answer sends a head of 200.
func (p *pair) answer(s *Stream, end bool) {
	p.t.Helper()
	p.do(p.far.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: []byte{0x88}, EndHeaders: true, EndStream: end}))
	if h, err := s.Head(); err != nil || h.Status != 200 || h.Last != end {
		p.t.Fatal(h, err)
	}
}

// back changes the connection's clocks as if so much time had passed, and lets the wheel look.
func (p *pair) back(d time.Duration) {
	p.mu.Lock()
	p.heard -= int64(d)
	p.idle -= int64(d)
	p.born -= int64(d)
	if p.pinged != 0 {
		p.pinged -= int64(d)
	}
	p.mu.Unlock()
	p.look()
}

func kindOf(err error) string {
	var of *Error
	if !errors.As(err, &of) {
		return fmt.Sprint(err)
	}
	return [...]string{Lost: "lost", Refused: "refused", Calm: "calm", Reset: "reset", Malformed: "malformed", TooLarge: "too large", Cancelled: "cancelled"}[of.Kind]
}

func TestNoMoreStreamsThanBothSidesAllow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		ours     int
		settings []http2.Setting
		want     int
	}{
		{"ours", 3, nil, 3},
		{"theirs", 100, []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: 2}}, 2},
		{"none", 100, []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: 0}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPair(t, Options{Streams: test.ours}, test.settings...)
			n := 0
			for p.Reserve() {
				n++
			}
			if n != test.want {
				t.Fatalf("%d streams, want %d", n, test.want)
			}
			if n > 0 {
				p.Stream().Close()
				if !p.Reserve() {
					t.Error("what was given back is not to be had")
				}
			}
		})
	}
}

func TestASilentConnectionIsAskedOnceAndThenGivenUp(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{})
	s := p.open(true)
	p.back(quietTime + time.Second)
	f := p.frame("PING").(*http2.PingFrame)
	p.do(p.far.WritePing(true, f.Data))
	p.do(p.far.WritePing(false, [8]byte{1})) // its answer shows that all before it was read
	p.frame("PING")
	p.back(quietTime + time.Second) // no second ping before the endpoint has said something that counts
	p.answer(s, false)
	p.back(quietTime + time.Second)
	p.frame("PING")
	p.back(pingTime + time.Second)
	p.over()
	if _, _, err := s.Next(); kindOf(err) != "lost" {
		t.Errorf("the stream ends with %v", err)
	}
}

func TestAnIdleConnectionEndsByItself(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{KeepAlive: time.Minute})
	s := p.open(true)
	p.answer(s, true)
	p.back(2 * time.Minute)
	if !p.takes() {
		t.Fatal("it ends with a stream open")
	}
	p.do(p.far.WritePing(true, p.frame("PING").(*http2.PingFrame).Data))
	p.do(p.far.WritePing(false, [8]byte{1}))
	p.frame("PING") // the answer has been read
	s.Close()
	p.back(59 * time.Second)
	if !p.takes() {
		t.Fatal("it ends before its time")
	}
	p.back(2 * time.Second)
	if f := p.frame("GOAWAY").(*http2.GoAwayFrame); f.ErrCode != http2.ErrCodeNo {
		t.Errorf("got %v", f)
	}
	p.over()
}

func TestAnAgedConnectionEndsWithItsLastStream(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{MaxAge: time.Hour})
	s := p.open(true)
	p.back(time.Hour)
	if p.Reserve() {
		t.Fatal("an aged connection takes a stream")
	}
	p.answer(s, true)
	s.Close()
	p.frame("GOAWAY")
	p.over()
}

func TestARetiredConnectionKeepsItsWordToWhoHasReservedAStream(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{})
	if !p.Reserve() {
		t.Fatal("no stream")
	}
	s := p.Stream()
	p.Retire()
	if p.Reserve() {
		t.Error("it takes another stream")
	}
	p.do(s.Open(getBlock, true))
	p.frame("HEADERS")
	p.answer(s, true)
	s.Close()
	p.frame("GOAWAY")
	p.over()
}

func TestACancelledStreamKeepsItsPlaceUntilTheEndpointHasSeenIt(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{Streams: 1})
	s := p.open(true)
	s.Close()
	if f := p.frame("RST_STREAM").(*http2.RSTStreamFrame); f.ErrCode != http2.ErrCodeCancel || f.StreamID != s.id {
		t.Fatalf("got %v", f)
	}
	f := p.frame("PING").(*http2.PingFrame)
	if p.Reserve() {
		t.Fatal("its place is free")
	}
	p.do(p.far.WritePing(true, f.Data))
	for !p.Reserve() { // once the answer is read
		<-time.After(time.Millisecond)
	}
}

func TestABodyWaitsForTheWindow(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 5})
	s := p.open(false)
	wrote := make(chan error, 1)
	go func() { _, err := s.Write([]byte("hello world"), true); wrote <- err }() // ends below
	if f := p.frame("DATA").(*http2.DataFrame); string(f.Data()) != "hello" || f.StreamEnded() {
		t.Fatalf("got %v", f)
	}
	p.do(p.far.WriteWindowUpdate(s.id, 1))
	if f := p.frame("DATA").(*http2.DataFrame); string(f.Data()) != " " {
		t.Fatalf("got %v", f)
	}
	p.do(p.far.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100})) // 95 more for open streams
	p.frame("SETTINGS")
	if f := p.frame("DATA").(*http2.DataFrame); string(f.Data()) != "world" || !f.StreamEnded() {
		t.Fatalf("got %v", f)
	}
	p.do(<-wrote)
}

func TestABodyWaitsForTheConnectionsWindow(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	s := p.open(false)
	wrote := make(chan error, 1)
	go func() { _, err := s.Write(make([]byte, firstWindow+3), true); wrote <- err }() // ends below
	for n := 0; n < firstWindow; {
		n += len(p.frame("DATA").(*http2.DataFrame).Data())
	}
	p.do(p.far.WriteWindowUpdate(0, 3))
	if f := p.frame("DATA").(*http2.DataFrame); len(f.Data()) != 3 || !f.StreamEnded() {
		t.Fatalf("got %v", f)
	}
	p.do(<-wrote)
}

func TestAWaitEndsWithADeadlineAndMayGoOn(t *testing.T) {
	t.Parallel()
	past := time.Unix(1, 0)
	p := newPair(t, Options{}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 2})
	s := p.open(false)
	wrote, read := make(chan error, 1), make(chan error, 1)
	go func() { _, err := s.Write([]byte("hello"), true); wrote <- err }() // ends below
	go func() { _, err := s.Head(); read <- err }()                        // likewise
	p.frame("DATA")
	_ = s.SetReadDeadline(past)
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the read ends with %v", err)
	}
	_ = s.SetDeadline(past)
	if err := <-wrote; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the write ends with %v", err)
	}
	_ = s.SetDeadline(time.Time{})
	p.do(p.far.WriteWindowUpdate(s.id, 100))
	if _, err := s.Write([]byte("llo"), true); err != nil {
		t.Error(err)
	}
	p.answer(s, true)
}

func TestWhatIsReadIsGivenBackAndNoMore(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{})
	s := p.open(true)
	p.answer(s, false)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
	for range 3 {
		p.do(p.far.WriteData(s.id, false, sent))
	}
	p.do(p.far.WritePing(false, [8]byte{}))
	p.frame("PING") // nothing is given back for what nobody has read
	var got []byte
	for len(got) < 3*len(sent) {
		p.do(s.Await())
		b, state, err := s.Next()
		if state != http7.Chunk {
			t.Fatal(state, err)
		}
		got = append(got, b...)
	}
	_, _, _ = s.Next() // is done with the last
	if !bytes.Equal(got, bytes.Repeat(sent, 3)) {
		t.Error("what came is not what was sent")
	}
	total := uint32(0)
	for total < 32<<10 {
		f := p.frame("WINDOW_UPDATE").(*http2.WindowUpdateFrame)
		if f.StreamID != s.id {
			t.Fatalf("got %v", f)
		}
		total += f.Increment
	}
}

func TestTheWindowOfAReaderThatKeepsUpGrows(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{})
	s := p.open(true)
	p.answer(s, false)
	window := int64(firstWindow)
	for range 40 {
		p.do(p.far.WriteData(s.id, false, make([]byte, 16<<10)))
		p.do(s.Await())
		_, _, _ = s.Next() // takes it
		_, _, _ = s.Next() // is done with it
		window -= 16 << 10
		for window < 16<<10 {
			if f := p.frame("WINDOW_UPDATE").(*http2.WindowUpdateFrame); f.StreamID != 0 {
				window += int64(f.Increment)
			}
		}
	}
	if s.size < 256<<10 || s.size > mostWindow {
		t.Errorf("the window is %d after 640 KiB", s.size)
	}
}

func TestALongHeadIsSplitAsTheEndpointTakesIt(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{})
	if !p.Reserve() {
		t.Fatal("no stream")
	}
	s := p.Stream()
	value := strings.Repeat("x", 40_000)
	block := append(bytes.Clone(getBlock), 0, 1, 'a', 0x7f)
	n := len(value) - 0x7f
	for ; n >= 0x80; n >>= 7 {
		block = append(block, byte(n)|0x80)
	}
	p.do(s.Open(append(append(block, byte(n)), value...), true))
	f := p.frame("HEADERS").(*http2.MetaHeadersFrame)
	if fields := f.RegularFields(); len(fields) != 1 || fields[0].Value != value || !f.StreamEnded() {
		t.Errorf("got %v", f)
	}
}

func TestAGoodbyeLetsGoOnWhatWasTaken(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{})
	taken, refused := p.open(true), p.open(true)
	if !p.Reserve() {
		t.Fatal("no stream")
	}
	unsent := p.Stream()
	p.do(p.far.WriteGoAway(taken.id, http2.ErrCodeNo, []byte("bye")))
	if _, err := refused.Head(); kindOf(err) != "refused" {
		t.Errorf("above the last: %v", err)
	}
	if err := unsent.Open(getBlock, true); kindOf(err) != "refused" {
		t.Errorf("not sent yet: %v", err)
	}
	if p.Reserve() {
		t.Error("it takes another stream")
	}
	p.answer(taken, true)
	for _, s := range []*Stream{taken, refused, unsent} {
		s.Close()
	}
	p.frame("GOAWAY")
	p.over()
}

func TestAnEndpointThatAsksForMoreThanItTakesIsLeft(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{})
	s := p.open(true)
	_ = p.nc.SetDeadline(time.Now().Add(time.Minute))
	var flood bytes.Buffer
	f := http2.NewFramer(&flood, nil)
	for range 10_000 {
		p.do(f.WritePing(false, [8]byte{}))
	}
	for { // and reads nothing
		if _, err := p.nc.Write(flood.Bytes()); err != nil {
			break
		}
	}
	if _, err := s.Head(); kindOf(err) == "<nil>" {
		t.Error("the stream goes on")
	}
}

func TestAWriteThatIsStuckEndsTheConnection(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
	p.do(p.far.WriteWindowUpdate(0, 1<<30))
	s := p.open(false)
	wrote := make(chan error, 1)
	go func() { // ends with the connection
		for b := make([]byte, 1<<20); ; {
			if _, err := s.Write(b, false); err != nil {
				wrote <- err
				return
			}
		}
	}()
	for stuck := false; !stuck; <-time.After(10 * time.Millisecond) {
		p.mu.Lock()
		stuck = p.wrote != 0 && deadline.Now()-p.wrote > int64(200*time.Millisecond)
		p.mu.Unlock()
	}
	p.mu.Lock()
	p.wrote -= int64(stuckTime)
	p.mu.Unlock()
	p.look()
	if err := <-wrote; kindOf(err) != "lost" {
		t.Error(err)
	}
	p.over()
}

func TestAnOpenStreamCostsLittle(t *testing.T) {
	p := newPair(t, Options{Streams: 1 << 20})
	go func() { _, _ = io.Copy(io.Discard, p.nc) }() // ends with the connection
	n := testing.AllocsPerRun(100, func() {
		p.Reserve()
		s := p.Stream()
		_ = s.Open(getBlock, true)
	})
	if n > 4 { // the stream, and now and then the map's and the buffer's growth
		t.Errorf("a stream allocates %v times", n)
	}
}

// section sends a header section that holds one value of n bytes.
func (p *pair) section(s *Stream, n int) {
	p.t.Helper()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	p.do(enc.WriteField(hpack.HeaderField{Name: ":status", Value: "200"}))
	p.do(enc.WriteField(hpack.HeaderField{Name: "x-big", Value: strings.Repeat("\\", n)})) // Huffman's code would be longer
	part := block.Next(firstFrame)
	_ = p.far.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: part, EndHeaders: block.Len() == 0, EndStream: true}) // shows by what is read
	for block.Len() > 0 {
		part = block.Next(firstFrame)
		_ = p.far.WriteContinuation(s.id, block.Len() == 0, part) // likewise
	}
}

func TestAHeadOverTheLimitEndsItsStreamAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bytes     int
		big, next string
	}{
		{60 << 10, "<nil>", "<nil>"},
		{64 << 10, "too large", "<nil>"}, // the name and the status count
		{66_000, "too large", "<nil>"},
		{900 << 10, "too large", "<nil>"},
		{3 << 20, "lost", "lost"}, // nobody reads that
	} {
		p := newPair(t, Options{})
		next, big := p.open(true), p.open(true)
		p.section(big, c.bytes)
		if _, err := big.Head(); kindOf(err) != c.big {
			t.Errorf("a head of %d bytes: %v", c.bytes, err)
		}
		if c.next == "<nil>" {
			p.section(next, 10)
		}
		if _, err := next.Head(); kindOf(err) != c.next {
			t.Errorf("beside one of %d bytes: %v", c.bytes, err)
		}
		big.Close()
		next.Close()
	}
}
