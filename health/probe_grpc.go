package health

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
)

// grpcProbe calls grpc.health.v1.Health/Check on a connection that it keeps.
//
// The call is made with net/http's own HTTP/2, not with grpc-go: one unary call needs no resolver,
// no balancer and no backoff of its own (which would decide when a probe is made), and a kept
// connection costs one goroutine in place of five.
type grpcProbe struct {
	probe     *probe
	transport *http.Transport
	url       *url.URL
	message   []byte

	mu   sync.Mutex // close may come while a probe runs
	conn *http.ClientConn
}

func newGRPCProbe(service, host string, p *probe) *grpcProbe {
	g := &grpcProbe{probe: p, message: frame(appendRequest(nil, service))}
	scheme, authority := "http", net.JoinHostPort(host, strconv.Itoa(80))
	if _, port, err := net.SplitHostPort(p.address); err == nil {
		authority = net.JoinHostPort(host, port)
	}
	g.transport = &http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return p.dial(ctx) },
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswer,
		Protocols:              new(http.Protocols),
	}
	if p.secure != nil {
		scheme = "https"
		g.transport.TLSClientConfig = p.secure
		g.transport.Protocols.SetHTTP2(true)
	} else {
		g.transport.Protocols.SetUnencryptedHTTP2(true)
	}
	g.url = &url.URL{Scheme: scheme, Host: authority, Path: "/grpc.health.v1.Health/Check"}
	return g
}

// run asks once. An endpoint may close a connection between two probes; that is no failure, so the
// question is put again on a new one.
func (g *grpcProbe) run(ctx context.Context) error {
	for {
		conn, kept, err := g.connect(ctx)
		if err != nil {
			return g.probe.reason("connect", err)
		}
		err = g.check(ctx, conn)
		if err == nil {
			return nil
		}
		broken := conn.Err() != nil
		g.drop(conn)
		if !kept || !broken || ctx.Err() != nil {
			return err
		}
	}
}

// connect returns the kept connection if it is usable, else a new one.
func (g *grpcProbe) connect(ctx context.Context) (conn *http.ClientConn, kept bool, err error) {
	g.mu.Lock()
	conn = g.conn
	g.mu.Unlock()
	if conn != nil && conn.Err() == nil && conn.Available() > 0 {
		return conn, true, nil
	}
	if conn != nil {
		g.drop(conn)
	}
	conn, err = g.transport.NewClientConn(ctx, g.url.Scheme, g.url.Host)
	if err != nil {
		return nil, false, err
	}
	g.mu.Lock()
	g.conn = conn
	g.mu.Unlock()
	return conn, false, nil
}

// drop closes a connection that is no longer to be used.
func (g *grpcProbe) drop(conn *http.ClientConn) {
	g.mu.Lock()
	if g.conn == conn {
		g.conn = nil
	}
	g.mu.Unlock()
	_ = conn.Close() // it is broken, or nothing is on its way
}

// close ends the kept connection, and with it a probe under way.
func (g *grpcProbe) close() {
	g.mu.Lock()
	conn := g.conn
	g.conn = nil
	g.mu.Unlock()
	if conn != nil {
		_ = conn.Close() // nobody waits for what is on its way
	}
}

// check makes the call (gRPC over HTTP/2, PROTOCOL-HTTP2.md).
func (g *grpcProbe) check(ctx context.Context, conn *http.ClientConn) error {
	request := (&http.Request{
		Method: http.MethodPost, URL: g.url, Host: g.url.Host, Header: http.Header{
			"Content-Type": {"application/grpc"},
			"Te":           {"trailers"},
			"User-Agent":   {"weir-health"},
			"Grpc-Timeout": {strconv.FormatInt(g.probe.timeout.Milliseconds(), 10) + "m"},
		},
		Body:          io.NopCloser(bytes.NewReader(g.message)),
		ContentLength: int64(len(g.message)),
	}).WithContext(ctx)
	answer, err := conn.RoundTrip(request)
	if err != nil {
		return g.broken(err)
	}
	defer answer.Body.Close()
	switch kind := answer.Header.Get("Content-Type"); {
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("HTTP status %d, want 200", answer.StatusCode)
	case !strings.HasPrefix(kind, "application/grpc"):
		return fmt.Errorf("the answer is of type %q, not gRPC", kind)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return g.broken(&unendedError{"the answer", err})
	case err != nil:
		return g.broken(err)
	case len(body) > maxAnswer:
		return errors.New("the answer is longer than 64 KiB")
	}
	if err := grpcStatus(answer); err != nil {
		return err
	}
	return servingStatus(body)
}

// grpcStatus returns what the trailers say, or the head where they came with it.
func grpcStatus(answer *http.Response) error {
	from := answer.Trailer
	if from.Get("Grpc-Status") == "" {
		from = answer.Header
	}
	switch status := from.Get("Grpc-Status"); status {
	case "0":
		return nil
	case "":
		return errors.New("the answer has no gRPC status")
	case "5":
		return errors.New("the endpoint does not know the service")
	case "12":
		return errors.New("the endpoint does not implement grpc.health.v1.Health")
	default:
		text := from.Get("Grpc-Message")
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
		return fmt.Errorf("gRPC status %.16s: %.200q", status, text)
	}
}

// frame puts the prefix of a gRPC message before it: not compressed, and its length.
func frame(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// appendRequest appends a HealthCheckRequest: field 1 is the service.
func appendRequest(b []byte, service string) []byte {
	if service == "" {
		return b
	}
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	return protowire.AppendString(b, service)
}

// servingNames are the values of ServingStatus.
var servingNames = [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}

// servingStatus reads an answer's one message and returns nil for SERVING alone.
func servingStatus(body []byte) error {
	if len(body) < 5 || body[0] != 0 || int(binary.BigEndian.Uint32(body[1:])) != len(body)-5 {
		return errors.New("the answer is not one plain gRPC message")
	}
	status, err := readResponse(body[5:])
	switch {
	case err != nil:
		return err
	case status == 1:
		return nil
	case status < uint64(len(servingNames)):
		return errors.New("the endpoint says " + servingNames[status])
	}
	return fmt.Errorf("the endpoint says status %d", status)
}

// readResponse reads a HealthCheckResponse: field 1 is the status, the last one counts, and what
// is not known is skipped.
func readResponse(b []byte) (status uint64, err error) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, errors.New("the answer is not a HealthCheckResponse")
		}
		b = b[n:]
		if number == 1 && kind == protowire.VarintType {
			status, n = protowire.ConsumeVarint(b)
		} else {
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return 0, errors.New("the answer is not a HealthCheckResponse")
		}
		b = b[n:]
	}
	return status, nil
}

// broken is the reason of a call that got no answer.
func (g *grpcProbe) broken(err error) error { return g.probe.brokenH2(err) }
