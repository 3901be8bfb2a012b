package clients

import (
	"context"
	"testing"
	"time"

	"weir/bench"
)

// BenchmarkRoundTrip is one worker on loopback; server and client are in the figures, for they share the process.
func BenchmarkRoundTrip(b *testing.B) {
	for _, d := range []struct {
		name    string
		make    func(b *testing.B) (Protocol, error)
		request bench.Request
	}{
		{"HTTP2", func(b *testing.B) (Protocol, error) { return HTTP2(h2For(b)) }, get("/echo")},
		{"HTTP3", func(b *testing.B) (Protocol, error) { return HTTP3(h3For(b)) }, get("/echo")},
		{"gRPC", func(b *testing.B) (Protocol, error) { return GRPC(rawFor(b)) }, post("/test.Raw/Echo", "hello")},
		{"WebSocket", func(b *testing.B) (Protocol, error) { return WebSocket(wsFor(b)) }, get("/echo")},
		{"TCPConnect", func(b *testing.B) (Protocol, error) { return TCPConnect(Config{Target: echoFor(b)}) }, get("/")},
		{"TCPBulk64KiB", func(b *testing.B) (Protocol, error) {
			return TCPBulk(Config{Target: echoFor(b), Block: 64 << 10})
		}, get("/")},
	} {
		b.Run(d.name, func(b *testing.B) {
			p, err := d.make(b)
			if err != nil {
				b.Fatal(err)
			}
			c, err := p.Client(0)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			d.request.Expect = nil
			b.ReportAllocs()
			for b.Loop() {
				a, err := c.Do(context.Background(), time.Now().Add(patience), &d.request)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(a.In + a.Out)
			}
		})
	}
}

func h2For(b *testing.B) Config {
	_, cfg := h2Server(b, false, newOrigin())
	return cfg
}

func h3For(b *testing.B) Config {
	_, cfg := h3Server(b, newOrigin(), nil)
	return cfg
}

func rawFor(b *testing.B) Config {
	_, address := rawServer(b, nil)
	return Config{Target: "grpc://" + address}
}

func wsFor(b *testing.B) Config {
	_, cfg := wsServer(b, false)
	return cfg
}

func echoFor(b *testing.B) string { return "tcp://" + listen(b, echoing) }
