package peers

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// streamsEach is how many requests are under way on each HTTP/2 connection.
	streamsEach = 8
	// h2Window is more than all answers under way can fill.
	h2Window = 1 << 24
)

// h2Client is one HTTP/2 connection of the load: so many requests at a time, the next as soon as one is answered.
type h2Client struct {
	w       *crew
	conn    net.Conn
	out     h2Writer // what goes out in the next write
	framer  *http2.Framer
	block   []byte // the header block that every request sends
	decoder *hpack.Decoder
	status  string // of the head that is being decoded
	next    uint32
	asked   map[uint32]int64 // when each stream was opened
	bytes   int64            // of answers, since the window was last opened
	latency func(ns int64)
}

// h2Writer gathers frames, so that what is due together leaves in one write.
type h2Writer struct{ b []byte }

func (o *h2Writer) Write(b []byte) (int, error) {
	o.b = append(o.b, b...)
	return len(b), nil
}

func newH2Client(w *crew, conn net.Conn, latency func(ns int64)) *h2Client {
	c := &h2Client{w: w, conn: conn, block: headerBlock(w.fields), next: 1, asked: map[uint32]int64{}, latency: latency}
	c.framer = http2.NewFramer(&c.out, conn)
	c.framer.SetReuseFrames()
	c.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == ":status" {
			c.status = f.Value
		}
	})
	return c
}

// headerBlock encodes the request without the dynamic table, so that it is the same for every request.
func headerBlock(fields []hpack.HeaderField) []byte {
	var b strings.Builder
	e := hpack.NewEncoder(&b)
	e.SetMaxDynamicTableSize(0)
	for _, f := range fields {
		_ = e.WriteField(f) // a strings.Builder takes all
	}
	return []byte(b.String())
}

// h2Fields are the fields of a request of s.
func (s *Scenario) h2Fields() []hpack.HeaderField {
	all := []hpack.HeaderField{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: hostName}, {Name: ":path", Value: target},
	}
	for _, line := range s.Fields {
		name, value, _ := strings.Cut(line, ": ")
		all = append(all, hpack.HeaderField{Name: strings.ToLower(name), Value: value})
	}
	return all
}

// run asks until the crew stops.
func (c *h2Client) run() error {
	if _, err := io.WriteString(c.conn, http2.ClientPreface); err != nil {
		return err
	}
	_ = c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: h2Window}) // into memory
	_ = c.framer.WriteWindowUpdate(0, h2Window)
	for range streamsEach {
		c.ask()
	}
	for len(c.asked) > 0 {
		if _, err := c.conn.Write(c.out.b); err != nil {
			return err
		}
		c.out.b = c.out.b[:0]
		if err := c.take(); err != nil {
			return err
		}
	}
	return nil
}

// ask opens a stream.
func (c *h2Client) ask() {
	c.asked[c.next] = nanos()
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.next, BlockFragment: c.block, EndHeaders: true, EndStream: true})
	c.next += 2
}

// take reads frames until there is something to write, or nothing more to wait for.
func (c *h2Client) take() error {
	for len(c.out.b) == 0 && len(c.asked) > 0 {
		f, err := c.framer.ReadFrame()
		if err != nil {
			return err
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = c.framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = c.framer.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			if err := c.head(f); err != nil {
				return err
			}
		case *http2.DataFrame:
			c.data(f)
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return fmt.Errorf("%v", f)
		}
	}
	return nil
}

func (c *h2Client) head(f *http2.HeadersFrame) error {
	c.status = ""
	if _, err := c.decoder.Write(f.HeaderBlockFragment()); err != nil {
		return err
	}
	if !f.HeadersEnded() || c.status != "200" {
		return fmt.Errorf("an answer of another kind: status %q, head whole: %v", c.status, f.HeadersEnded())
	}
	if f.StreamEnded() {
		c.ended(f.StreamID)
	}
	return nil
}

func (c *h2Client) data(f *http2.DataFrame) {
	c.bytes += int64(f.Length)
	if c.bytes > h2Window/2 {
		_ = c.framer.WriteWindowUpdate(0, uint32(c.bytes))
		c.bytes = 0
	}
	if f.StreamEnded() {
		c.ended(f.StreamID)
	}
}

// ended counts an answer and asks again.
func (c *h2Client) ended(stream uint32) {
	c.w.answers.Add(1)
	c.latency(nanos() - c.asked[stream])
	delete(c.asked, stream)
	if !c.w.stop.Load() {
		c.ask()
	}
}

// workH2 is the goroutine of one HTTP/2 connection. It ends at stop, or with its first failure.
func (w *crew) workH2() {
	latency := newLatency()
	conn, err := w.dial()
	if err == nil {
		defer conn.Close()
		err = newH2Client(w, conn, func(ns int64) {
			if w.counting.Load() {
				_ = latency.RecordValue(min(max(ns, 1), int64(time.Minute))) // within its bounds it cannot fail
			}
		}).run()
	}
	if err != nil {
		w.failed.Add(1)
		w.why.CompareAndSwap(nil, &err)
	}
	w.lock.Lock()
	defer w.lock.Unlock()
	w.latency.Merge(latency)
}

// overH2 makes a client's TLS config one for HTTP/2.
func overH2(c *tls.Config) *tls.Config {
	c.NextProtos = []string{"h2"}
	verify := c.VerifyConnection
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if !slices.Contains(c.NextProtos, s.NegotiatedProtocol) {
			return fmt.Errorf("the proxy does not offer HTTP/2 (ALPN %q)", s.NegotiatedProtocol)
		}
		return verify(s)
	}
	return c
}
