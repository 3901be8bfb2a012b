package health

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"weir/internal/conf"
	"weir/lb"
)

// counted counts the connections that a listener accepts.
type counted struct {
	net.Listener
	n atomic.Int32
}

func (c *counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.n.Add(1)
	}
	return conn, err
}

// serveGRPC runs a real gRPC server with a real health service until the test ends.
func serveGRPC(t testing.TB, address string, with ...grpc.ServerOption) (*counted, *health.Server, *grpc.Server) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{Listener: l}
	state, server := grpcServer(t, c, with...)
	return c, state, server
}

func grpcServer(t testing.TB, l net.Listener, with ...grpc.ServerOption) (*health.Server, *grpc.Server) {
	state, server := health.NewServer(), grpc.NewServer(with...)
	grpc_health_v1.RegisterHealthServer(server, state)
	go server.Serve(l) // ends with Stop
	t.Cleanup(server.Stop)
	return state, server
}

func grpcConfig(service string) *Config {
	c := Default()
	c.GRPC, c.Timeout = &GRPCConfig{Service: service}, conf.Dur(forAnswer)
	return &c
}

func TestAGRPCProbeAsksTheHealthService(t *testing.T) {
	l, state, _ := serveGRPC(t, "127.0.0.1:0")
	state.SetServingStatus("shop.Orders", grpc_health_v1.HealthCheckResponse_SERVING)
	state.SetServingStatus("shop.Carts", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	state.SetServingStatus("shop.Odd", grpc_health_v1.HealthCheckResponse_UNKNOWN)
	e := endpointAt(t, l.Addr().String())
	for _, c := range []struct{ service, want string }{
		{"", "fit"},
		{"shop.Orders", "fit"},
		{"shop.Carts", "the endpoint says NOT_SERVING"},
		{"shop.Odd", "the endpoint says UNKNOWN"},
		{"shop.None", "the endpoint does not know the service"},
	} {
		if got := ask(e, grpcConfig(c.service)); got != c.want {
			t.Errorf("service %q: %q, want %q", c.service, got, c.want)
		}
	}
	state.Shutdown()
	if got := ask(e, grpcConfig("")); got != "the endpoint says NOT_SERVING" {
		t.Errorf("after Shutdown: %q", got)
	}
}

func TestAGRPCProbeOverTLS(t *testing.T) {
	pair := selfSigned(t, "orders.internal")
	l, _, _ := serveGRPC(t, "127.0.0.1:0", grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	e := endpointAt(t, l.Addr().String())
	config := grpcConfig("")
	if got := ask(e, config); got == "fit" {
		t.Error("plain text is fit where TLS is spoken")
	}
	config.TLS = &TLSConfig{CA: pemOf(t, pair), ServerName: "orders.internal"}
	if got := ask(e, config); got != "fit" {
		t.Errorf("with its CA: %q", got)
	}
	config.TLS = &TLSConfig{}
	if got := ask(e, config); !strings.HasPrefix(got, "tls: failed to verify certificate") {
		t.Errorf("with the system's CAs: %q", got)
	}
}

func TestAGRPCProbeKeepsItsConnection(t *testing.T) {
	l, state, _ := serveGRPC(t, "127.0.0.1:0")
	p := newProbe(endpointAt(t, l.Addr().String()), newMethod(grpcConfig(""), Way{}, nil))
	defer p.close()
	for i := range 20 {
		if err := p.run(context.Background()); err != nil {
			t.Fatalf("probe %d: %v", i, err)
		}
	}
	if n := l.n.Load(); n != 1 {
		t.Errorf("20 probes made %d connections", n)
	}
	state.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	for range 3 {
		if p.run(context.Background()) == nil {
			t.Error("NOT_SERVING is fit")
		}
	}
	if n := l.n.Load(); n != 3 {
		t.Errorf("after 3 failures there were %d connections, want a new one after each", n)
	}
}

// A server that restarts politely closes the connection between two probes. The next probe finds it
// closed, or only hears of it in place of an answer; either way it asks again on a new one.
func TestAConnectionThatWasClosedInBetweenIsNoFailure(t *testing.T) {
	l, _, server := serveGRPC(t, "127.0.0.1:0")
	p := newProbe(endpointAt(t, l.Addr().String()), newMethod(grpcConfig(""), Way{}, nil))
	defer p.close()
	for i := range 10 {
		if err := p.run(context.Background()); err != nil {
			t.Fatalf("probe %d: %v", i, err)
		}
		server.Stop()
		_, _, server = serveGRPC(t, l.Addr().String())
	}
	server.Stop()
	if err := p.run(context.Background()); err == nil {
		t.Error("with the server gone: fit")
	}
}

func TestClosingAProbeClosesItsConnection(t *testing.T) {
	ended := make(chan error, 1)
	behind, _, _ := serveGRPC(t, "127.0.0.1:0")
	l := serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) { // a relay that tells of the end
		inner, err := net.Dial("tcp", behind.Addr().String())
		if err != nil {
			ended <- err
			return
		}
		defer inner.Close()
		go io.Copy(c, inner) // ends with inner
		_, err = io.Copy(inner, c)
		ended <- err
	})
	p := newProbe(endpointAt(t, l.Addr().String()), newMethod(grpcConfig(""), Way{}, nil))
	if err := p.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.close()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(forAnswer):
		t.Error("the connection is still open")
	}
}

// h2 serves HTTP/2 in plain text with a handler that need not speak gRPC.
func h2(t *testing.T, h http.HandlerFunc) *lb.Endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	s.Protocols.SetUnencryptedHTTP2(true)
	go s.Serve(l) // ends with Close
	t.Cleanup(func() { s.Close() })
	return endpointAt(t, l.Addr().String())
}

// says answers with a gRPC body and status.
func says(body []byte, status, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
		w.Write(body)
		w.Header().Set("Grpc-Status", status)
		w.Header().Set("Grpc-Message", message)
	}
}

func TestWhatAGRPCProbeMakesOfAnAnswer(t *testing.T) {
	serving := []byte{0, 0, 0, 0, 2, 8, 1}
	for _, c := range []struct {
		what string
		h    http.HandlerFunc
		want string
	}{
		{"SERVING", says(serving, "0", ""), "fit"},
		{"SERVING among fields of a later version", says([]byte{0, 0, 0, 0, 7, 18, 1, 'x', 8, 1, 24, 9}, "0", ""), "fit"},
		{"a status that nobody knows", says([]byte{0, 0, 0, 0, 2, 8, 9}, "0", ""), "the endpoint says status 9"},
		{"an empty message is UNKNOWN", says([]byte{0, 0, 0, 0, 0}, "0", ""), "the endpoint says UNKNOWN"},
		{"no message", says(nil, "0", ""), "the answer is not one plain gRPC message"},
		{"a compressed message", says([]byte{1, 0, 0, 0, 2, 8, 1}, "0", ""), "the answer is not one plain gRPC message"},
		{"two messages", says(append(serving, serving...), "0", ""), "the answer is not one plain gRPC message"},
		{"a message cut short", says([]byte{0, 0, 0, 0, 2, 8}, "0", ""), "the answer is not one plain gRPC message"},
		{"another message", says([]byte{0, 0, 0, 0, 1, 10}, "0", ""), "the answer is not a HealthCheckResponse"},
		{"an error with its message", says(nil, "13", "it%20broke"), `gRPC status 13: "it broke"`},
		{"no status", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Write(serving)
		}, "the answer has no gRPC status"},
		{"status in the head alone", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "12")
		}, "the endpoint does not implement grpc.health.v1.Health"},
		{"404", http.NotFound, "HTTP status 404, want 200"},
		{"not gRPC", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }, `the answer is of type "text/plain; charset=utf-8", not gRPC`},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer within 100ms"},
		{"a trickle that never ends", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			for r.Context().Err() == nil {
				w.Write([]byte{0})
				w.(http.Flusher).Flush()
				<-time.After(time.Millisecond)
			}
		}, "the answer did not end within 100ms"},
		{"a flood that never ends", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			for r.Context().Err() == nil {
				w.Write(make([]byte, 16<<10))
			}
		}, "the answer is longer than 64 KiB"},
		{"a head without measure", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("X-Long", strings.Repeat("x", 128<<10))
		}, "HTTP/2: connection error: COMPRESSION_ERROR"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			if got := askFor(h2(t, c.h), impatient(grpcConfig(""), c.want), c.want); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAGRPCProbeOfWhatSpeaksSomethingElse(t *testing.T) {
	for _, c := range []struct {
		what string
		talk func(net.Conn)
	}{
		{"HTTP/1.1", answer("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")},
		{"a greeting", func(c net.Conn) { io.WriteString(c, "220 mail.example.com ESMTP\r\n") }},
		{"nothing", func(net.Conn) {}},
		{"silence", func(c net.Conn) { io.Copy(io.Discard, c) }},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			l := serve(t, "tcp", "127.0.0.1:0", c.talk)
			begin := time.Now()
			config := grpcConfig("")
			config.Timeout = conf.Dur(250 * time.Millisecond)
			got := ask(endpointAt(t, l.Addr().String()), config)
			if got == "fit" || strings.Contains(got, "127.0.0.1") {
				t.Errorf("%q", got)
			}
			if took := time.Since(begin); took > forAnswer {
				t.Errorf("it took %v", took)
			}
			t.Log(got)
		})
	}
}

// The request is what gRPC's own messages would be.
func TestTheRequestOfAGRPCProbe(t *testing.T) {
	for _, service := range []string{"", "shop.Orders", strings.Repeat("x", 300)} {
		want, err := proto.Marshal(&grpc_health_v1.HealthCheckRequest{Service: service})
		if err != nil {
			t.Fatal(err)
		}
		got := frame(appendRequest(nil, service))
		if got[0] != 0 || int(binary.BigEndian.Uint32(got[1:])) != len(want) || string(got[5:]) != string(want) {
			t.Errorf("service %q: %x, want the message %x", service, got, want)
		}
	}
}
