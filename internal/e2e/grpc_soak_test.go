//go:build linux && soak

package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// 10,000 streams are open at once, each with a message that came back, and all end well.
func TestSoakTenThousandGRPCStreams(t *testing.T) {
	const streams, connections = 10_000, 10
	c, _, _ := called(t)
	idle := c.rss()
	var all []grpc.ClientStream
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range connections {
		cc := dialGRPC(t, c.at(8080), insecure.NewCredentials())
		service := []string{"/h2.Service/echo", "/h2c.Service/echo"}[i%2]
		for range streams / connections {
			all = append(all, open(t, ctx, cc, service))
		}
	}
	lap := func(what string) {
		var running sync.WaitGroup
		queue := make(chan grpc.ClientStream)
		for range 32 {
			running.Go(func() {
				for s := range queue {
					m, got := []byte("hello"), []byte(nil)
					if err := s.SendMsg(&m); err != nil {
						t.Error(err)
					} else if err := s.RecvMsg(&got); err != nil || string(got) != "hello" {
						t.Errorf("%q, %v", got, err)
					}
				}
			})
		}
		for _, s := range all {
			queue <- s
		}
		close(queue)
		running.Wait()
		t.Logf("%s: RSS %d MiB (%d idle)", what, c.rss()>>20, idle>>20)
	}
	for _, what := range []string{"open", "once more", "and again"} {
		lap(what)
	}
	if rss := c.rss(); rss > 1536<<20 {
		t.Errorf("%d MiB", rss>>20)
	}
	for _, s := range all {
		if err := s.CloseSend(); err != nil {
			t.Error(err)
		}
		if err := s.RecvMsg(&[]byte{}); err == nil {
			t.Error("no end")
		}
	}
}

// A message that goes there and back on an open stream, to a server in a process of its own, takes at most three times
// as long as without Weir. What a relay of bytes takes that knows no HTTP is shown beside it.
func TestSoakGRPCRoundTripsAreShort(t *testing.T) {
	const rounds, messages = 15, 300
	p := newProcess(t, "calls", t.TempDir()+"/journal")
	server := fmt.Sprintf("%s:%d", p.ip, processGRPC)
	c := start(t, `
[listeners.plain]
address = "{ip}:8080"
[listeners.relay]
address = "{ip}:8081"
kind = "tcp"
upstream = "calls"
[[routes]]
upstream = "calls"
[upstreams.calls]
endpoints = "{server}"
protocol = "h2c"
`, "server", server)
	lap := func(address string) time.Duration {
		s := open(t, t.Context(), dialGRPC(t, address, insecure.NewCredentials()), "/h2c.Service/echo")
		defer func() { _ = s.CloseSend() }()
		m, got := make([]byte, 100), []byte(nil)
		var began time.Time
		for i := range 2 * messages {
			if i == messages { // warm
				began = time.Now()
			}
			if err := s.SendMsg(&m); err != nil {
				t.Fatal(err)
			}
			if err := s.RecvMsg(&got); err != nil {
				t.Fatal(err)
			}
		}
		return time.Since(began) / messages
	}
	var relayed, ratios []float64
	for range rounds {
		d, r, w := lap(server), lap(c.at(8081)), lap(c.at(8080))
		relayed, ratios = append(relayed, float64(r)/float64(d)), append(ratios, float64(w)/float64(d))
		t.Logf("direct %v, relayed %v, through Weir %v", d, r, w)
	}
	t.Logf("%.2f times as long as direct; a relay %.2f", middle(ratios), middle(relayed))
	if ratio := middle(ratios); ratio > 3 {
		t.Errorf("%.2f times as long as direct", ratio)
	}
}
