//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// raw is a codec of messages that are bytes already.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = bytes.Clone(data); return nil }
func (raw) Name() string                       { return "proto" }

// caller is a gRPC server without a schema. By the method's name:
//
//	echo    gives every message back; the metadata X-Ask comes back as header X-Got and trailer X-End
//	fail    ends with the status that the metadata X-Code says
//	hold    waits; ended gets the reason for which the call ends
//	abort   gives one message and then resets the connection
type caller struct {
	ended chan error
	ln    map[string]*severed
}

// severed is a listener whose connections can be cut.
type severed struct {
	net.Listener
	mu  sync.Mutex
	all []net.Conn
}

func (c *severed) Accept() (net.Conn, error) {
	nc, err := c.Listener.Accept()
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, nc)
	}
	return nc, err
}

func (c *severed) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, nc := range c.all {
		_ = nc.Close() // whoever uses it finds out
	}
	c.all = nil
}

func (c *caller) handle(_ any, s grpc.ServerStream) error {
	full, _ := grpc.MethodFromServerStream(s)
	md, _ := metadata.FromIncomingContext(s.Context())
	switch full[strings.LastIndexByte(full, '/')+1:] {
	case "echo":
		asked := strings.Join(md.Get("x-ask"), "")
		if err := s.SendHeader(metadata.Pairs("x-got", asked)); err != nil {
			return err
		}
		s.SetTrailer(metadata.Pairs("x-end", asked, "x-end-bin", "\x00\xff"))
		for {
			var m []byte
			if err := s.RecvMsg(&m); err != nil {
				if err == io.EOF {
					err = nil
				}
				return err
			}
			if err := s.SendMsg(&m); err != nil {
				return err
			}
		}
	case "fail":
		code, _ := strconv.Atoi(strings.Join(md.Get("x-code"), ""))
		return status.Error(codes.Code(code), "as asked: 100 % ä")
	case "hold":
		if err := s.SendHeader(nil); err != nil {
			return err
		}
		<-s.Context().Done()
		c.ended <- s.Context().Err()
		return s.Context().Err()
	case "abort":
		m := []byte("first")
		if err := s.SendMsg(&m); err != nil {
			return err
		}
		var last []byte
		_ = s.RecvMsg(&last) // the client has the first message
		for _, ln := range c.ln {
			ln.cut()
		}
	}
	return nil
}

// newCaller starts a gRPC server over TLS and one without.
func newCaller(t *testing.T, dir string) (c *caller) {
	t.Helper()
	c = &caller{ended: make(chan error, 100), ln: map[string]*severed{}}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"h2", "h2c"} {
		options := []grpc.ServerOption{grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(c.handle), grpc.MaxRecvMsgSize(1 << 28),
			grpc.MaxConcurrentStreams(math.MaxUint32)}
		if kind == "h2" {
			options = append(options, grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
		}
		s := grpc.NewServer(options...)
		ln := &severed{Listener: listen(t)}
		c.ln[kind] = ln
		var serving sync.WaitGroup
		serving.Go(func() { _ = s.Serve(ln) }) // ends with Stop
		t.Cleanup(func() { s.Stop(); serving.Wait() })
	}
	return c
}

// calling has a route by the service's name to each kind of gRPC server.
const calling = `
[access_log]
path = "{dir}/access.log"
[listeners.web]
address = "{ip}:8443"
tls = { certificates = [{ cert = "{dir}/cert.pem", key = "{dir}/key.pem" }] }
limits.h2_streams = 20000
[listeners.plain]
address = "{ip}:8080"
limits.h2_streams = 20000
[defaults.routes]
timeout = "off"
[[routes]]
match.path = "/h2.Service/*"
upstream = "h2"
[[routes]]
match.path = "/h2c.Service/*"
upstream = "h2c"
[[routes]]
match.path = "/dead.Service/*"
upstream = "dead"
[[routes]]
match.path = "/late.Service/*"
upstream = "h2c"
timeout = "200ms"
rewrite = { strip_prefix = "/late.Service", prefix = "/h2c.Service" }
[upstreams.h2]
endpoints = "{h2}"
tls = { ca = "{dir}/cert.pem", server_name = "weir.test" }
timeouts = { response = "off", between_reads = "off" }
[upstreams.h2c]
endpoints = "{h2c}"
protocol = "h2c"
timeouts = { response = "off", between_reads = "off" }
[upstreams.dead]
endpoints = "{ip}:7001"
protocol = "h2c"
`

// called starts a Weir before gRPC servers, and returns clients over TLS and without it.
func called(t *testing.T) (*child, *caller, map[string]*grpc.ClientConn) {
	t.Helper()
	dir := t.TempDir()
	cfg := certificate(t, dir, "weir.test")
	server := newCaller(t, dir)
	c := start(t, strings.ReplaceAll(calling, "{dir}", dir), "h2", endpointOf(server.ln["h2"]), "h2c", endpointOf(server.ln["h2c"]))
	return c, server, map[string]*grpc.ClientConn{
		"TLS":   dialGRPC(t, c.at(8443), credentials.NewTLS(cfg)),
		"plain": dialGRPC(t, c.at(8080), insecure.NewCredentials()),
	}
}

func dialGRPC(t *testing.T, address string, secure credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	cc, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(secure),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(1<<28), grpc.MaxCallSendMsgSize(1<<28)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

var both = &grpc.StreamDesc{StreamName: "call", ServerStreams: true, ClientStreams: true}

func open(t *testing.T, ctx context.Context, cc *grpc.ClientConn, method string) grpc.ClientStream {
	t.Helper()
	s, err := cc.NewStream(ctx, both, method)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// everyCall runs do for each kind of client and of server.
func everyCall(t *testing.T, clients map[string]*grpc.ClientConn, do func(t *testing.T, cc *grpc.ClientConn, service string)) {
	for name, cc := range clients {
		for _, kind := range []string{"h2", "h2c"} {
			t.Run(name+"-to-"+kind, func(t *testing.T) { do(t, cc, "/"+kind+".Service/") })
		}
	}
}

func TestGRPCMessagesCrossBothWays(t *testing.T) {
	_, _, clients := called(t)
	everyCall(t, clients, func(t *testing.T, cc *grpc.ClientConn, service string) {
		for _, n := range sizes() {
			ctx, end := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "x-ask", "what"), time.Minute)
			s := open(t, ctx, cc, service+"echo")
			for i := range 3 {
				m := slices.Repeat([]byte{byte(i + 1)}, int(n))
				if err := s.SendMsg(&m); err != nil {
					t.Fatal(err)
				}
				var got []byte
				if err := s.RecvMsg(&got); err != nil || !bytes.Equal(got, m) {
					t.Fatalf("message %d of %d bytes: %d bytes, %v", i, n, len(got), err)
				}
			}
			if err := s.CloseSend(); err != nil {
				t.Fatal(err)
			}
			if err := s.RecvMsg(&[]byte{}); err != io.EOF {
				t.Errorf("the end is %v", err)
			}
			head, _ := s.Header()
			if got, tail := head.Get("x-got"), s.Trailer(); !slices.Equal(got, []string{"what"}) || !slices.Equal(tail.Get("x-end"), []string{"what"}) || !slices.Equal(tail.Get("x-end-bin"), []string{"\x00\xff"}) {
				t.Errorf("header %v, trailer %v", head, tail)
			}
			end()
		}
	})
}

func TestGRPCStatusesCross(t *testing.T) {
	t.Parallel()
	_, _, clients := called(t)
	everyCall(t, clients, func(t *testing.T, cc *grpc.ClientConn, service string) {
		for code := codes.OK; code <= codes.Unauthenticated; code++ {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "x-code", fmt.Sprint(uint32(code)))
			in, out := []byte("in"), []byte(nil)
			err := cc.Invoke(ctx, service+"fail", &in, &out)
			s, _ := status.FromError(err)
			// A server of grpc-go that says OK without a message has failed by its client's rules.
			if code == codes.OK {
				continue
			}
			if s.Code() != code || s.Message() != "as asked: 100 % ä" {
				t.Errorf("%v: %v", code, err)
			}
		}
	})
}

func TestGRPCFaultsHaveStatuses(t *testing.T) {
	t.Parallel()
	_, server, clients := called(t)
	for name, cc := range clients {
		t.Run(name, func(t *testing.T) {
			in, out := []byte("in"), []byte(nil)
			for method, want := range map[string]codes.Code{"/dead.Service/x": codes.Unavailable, "/no.Service/x": codes.Unimplemented} {
				if err := cc.Invoke(t.Context(), method, &in, &out); status.Code(err) != want {
					t.Errorf("%s: %v, want %v", method, err, want)
				}
			}
			late := open(t, t.Context(), cc, "/late.Service/hold")
			if err := late.RecvMsg(&out); status.Code(err) != codes.DeadlineExceeded {
				t.Errorf("the route's timeout: %v", err)
			}
			select { // on a busy machine it has come to its end before it came to the server
			case <-server.ended:
			case <-time.After(2 * time.Second):
			}
			ctx, leave := context.WithTimeout(t.Context(), time.Second) // so long, that it reaches the server
			defer leave()
			held := open(t, ctx, cc, "/h2c.Service/hold")
			if err := held.RecvMsg(&out); status.Code(err) != codes.DeadlineExceeded {
				t.Errorf("the client's deadline: %v", err)
			}
			select {
			case <-server.ended:
			case <-time.After(patience):
				t.Error("the server saw nothing of the deadline")
			}
		})
	}
}

func TestGRPCCallsEndFromBothSides(t *testing.T) {
	t.Parallel()
	_, server, clients := called(t)
	everyCall(t, clients, func(t *testing.T, cc *grpc.ClientConn, service string) {
		ctx, leave := context.WithCancel(t.Context())
		s := open(t, ctx, cc, service+"hold")
		if _, err := s.Header(); err != nil {
			t.Fatal(err)
		}
		leave()
		select {
		case <-server.ended:
		case <-time.After(patience):
			t.Fatal("the server saw nothing of the cancellation")
		}
		s = open(t, t.Context(), cc, service+"abort")
		var m []byte
		if err := s.RecvMsg(&m); err != nil || string(m) != "first" {
			t.Fatalf("%q, %v", m, err)
		}
		if err := s.SendMsg(&m); err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(&m); err == nil || err == io.EOF {
			t.Errorf("a server that dies: %v", err)
		}
	})
}
