package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"weir/internal/certs"
)

// h3front is a UDP port before a rig's engine, as gateway makes one.
type h3front struct {
	t      testing.TB
	addr   string
	port   *H3Port
	host   *H3Host
	client *tls.Config
}

func newH3Front(t testing.TB, r *rig) *h3front {
	t.Helper()
	cert, err := certs.SelfSigned("localhost")
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	server := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h3"}, MinVersion: tls.VersionTLS13}
	f := &h3front{
		t: t, addr: pc.LocalAddr().String(), port: NewH3Port(r.engine.Shared, pc),
		host:   &H3Host{Engine: r.engine, TLS: func() *tls.Config { return server }},
		client: &tls.Config{RootCAs: certs.Pool(cert), ServerName: "localhost", NextProtos: []string{"h3"}},
	}
	if err := f.port.Publish(f.host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.port.Close)
	return f
}

// transport is a client that connects to f whatever host it is asked for.
func (f *h3front) transport() *http3.Transport {
	tr := &http3.Transport{
		TLSClientConfig: f.client, DisableCompression: true,
		Dial: func(ctx context.Context, _ string, c *tls.Config, q *quic.Config) (*quic.Conn, error) {
			return quic.DialAddr(ctx, f.addr, c, q)
		},
	}
	f.t.Cleanup(func() { _ = tr.Close() })
	return tr
}

// roundTrip sends a request over a connection of its own and returns the answer with its body read.
func (f *h3front) roundTrip(req *http.Request) (*http.Response, string) {
	f.t.Helper()
	res, body, err := ask(f.transport(), req)
	if err != nil {
		f.t.Fatal(err)
	}
	return res, body
}

func ask(tr http.RoundTripper, req *http.Request) (*http.Response, string, error) {
	ctx, cancel := context.WithTimeout(req.Context(), time.Minute)
	defer cancel()
	res, err := tr.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

// h3Request is a request to localhost with these lines of fields, "Name: value".
func h3Request(t testing.TB, method, path string, body io.Reader, fields ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, "https://localhost"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range fields {
		name, value, _ := strings.Cut(line, ": ")
		req.Header[name] = append(req.Header[name], value)
	}
	return req
}

// rawH3 is a connection on which a test writes HTTP/3 itself.
type rawH3 struct {
	t testing.TB
	*quic.Conn
	control *quic.SendStream
}

// raw connects and opens the control stream.
func (f *h3front) raw() *rawH3 {
	f.t.Helper()
	return f.rawFrom(f.clientSocket("127.0.0.1"))
}

// clientSocket is one that a client may connect from.
func (f *h3front) clientSocket(ip string) *quic.Transport {
	f.t.Helper()
	pc, err := net.ListenPacket("udp4", ip+":0")
	if err != nil {
		f.t.Fatal(err)
	}
	tr := &quic.Transport{Conn: pc}
	f.t.Cleanup(func() {
		_ = tr.Close()
		_ = pc.Close()
	})
	return tr
}

func (f *h3front) rawFrom(tr *quic.Transport) *rawH3 {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), ample)
	defer cancel()
	to, err := net.ResolveUDPAddr("udp4", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	qc, err := tr.Dial(ctx, to, f.client, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = qc.CloseWithError(0, "") })
	c := &rawH3{t: f.t, Conn: qc}
	if c.control, err = qc.OpenUniStream(); err == nil {
		_, err = c.control.Write([]byte{0x00, 0x04, 0x00}) // its type, and SETTINGS that set nothing
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// headers is a HEADERS frame of these fields, "name: value"; pseudo-header fields as ":name: value".
func headers(fields ...string) []byte {
	var b strings.Builder
	enc := qpack.NewEncoder(&b)
	for _, line := range fields {
		at := strings.Index(line[1:], ": ") + 1
		_ = enc.WriteField(qpack.HeaderField{Name: line[:at], Value: line[at+2:]}) // fails never on a Builder
	}
	return append(quicvarint.Append([]byte{0x01}, uint64(b.Len())), b.String()...)
}

// getHead is the head of a request for path.
func getHead(path string, fields ...string) []byte {
	return headers(append([]string{":method: GET", ":scheme: https", ":authority: localhost", ":path: " + path}, fields...)...)
}

// data is a DATA frame.
func data(b string) []byte {
	return append(quicvarint.Append([]byte{0x00}, uint64(len(b))), b...)
}

// open sends bytes on a stream of their own.
func (c *rawH3) open(b ...[]byte) *quic.Stream {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), ample)
	defer cancel()
	str, err := c.OpenStreamSync(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, piece := range b {
		if _, err := str.Write(piece); err != nil {
			c.t.Fatal(err)
		}
	}
	_ = str.SetReadDeadline(time.Now().Add(ample)) // fails never
	return str
}

// status reads the head of the answer on a stream, which has "" if there is none.
func (c *rawH3) status(str *quic.Stream) string {
	r := quicvarint.NewReader(str)
	kind, err := quicvarint.Read(r)
	if err != nil || kind != 0x01 {
		return ""
	}
	n, err := quicvarint.Read(r)
	if err != nil {
		return ""
	}
	section := make([]byte, n)
	if _, err := io.ReadFull(r, section); err != nil {
		return ""
	}
	for next := qpack.NewDecoder().Decode(section); ; {
		f, err := next()
		if err != nil {
			return ""
		}
		if f.Name == ":status" {
			return f.Value
		}
	}
}

// ended waits for the connection's end and returns its code in HTTP/3's words.
func (c *rawH3) ended() string {
	c.t.Helper()
	select {
	case <-c.Context().Done():
	case <-time.After(ample):
		c.t.Fatal("the connection lives on")
	}
	return codeOf(context.Cause(c.Context()))
}

// codeOf is what ended a stream or a connection, in HTTP/3's words.
func codeOf(err error) string {
	var stream *quic.StreamError
	var app *quic.ApplicationError
	var h3 *http3.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &h3):
		return fmt.Sprintf("%#x", uint64(h3.ErrorCode))
	case errors.As(err, &stream):
		return fmt.Sprintf("%#x", uint64(stream.ErrorCode))
	case errors.As(err, &app):
		return fmt.Sprintf("%#x", uint64(app.ErrorCode))
	}
	return err.Error()
}

// postHead is the head of a request with a body for path.
func postHead(path string, fields ...string) []byte {
	return headers(append([]string{":method: POST", ":scheme: https", ":authority: localhost", ":path: " + path}, fields...)...)
}
