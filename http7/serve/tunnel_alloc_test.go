//go:build !race

package serve

import (
	"bufio"
	"io"
	"net"
	"runtime"
	"testing"
)

// bounce sends a message through a tunnel and waits for it to come back.
func bounce(t testing.TB, cl *client, message, got []byte) {
	if _, err := cl.Write(message); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(cl.r, got); err != nil {
		t.Fatal(err)
	}
}

func TestMessagesThroughATunnelMakeNoObjects(t *testing.T) {
	cl := newRig(t, switching(t, echoing)).tunnel()
	message, got := []byte("0123456789"), make([]byte, 10)
	if n := testing.AllocsPerRun(200, func() { bounce(t, cl, message, got) }); n > 0 {
		t.Errorf("a message there and back makes %v objects", n)
	}
}

func BenchmarkTunnel(b *testing.B) {
	cl := newRig(b, switching(b, echoing)).tunnel()
	message, got := make([]byte, 100), make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		bounce(b, cl, message, got)
	}
}

// footprint is the memory in use: objects and stacks.
func footprint() int {
	runtime.GC()
	runtime.GC() // empties the pools, and shrinks stacks
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

func TestIdleTunnelsHoldLittleMemory(t *testing.T) {
	const tunnels = 500
	hold := make(chan struct{})
	defer close(hold)
	r := newRig(t, switching(t, func(c net.Conn, b *bufio.Reader) {
		buf := make([]byte, 1)
		_, _ = io.ReadFull(b, buf)
		_, _ = c.Write(buf)
		<-hold
	}))
	// What client and endpoint of the test itself hold is measured by as many that speak directly.
	direct := newRig(t, switching(t, func(c net.Conn, b *bufio.Reader) {
		buf := make([]byte, 1)
		_, _ = io.ReadFull(b, buf)
		_, _ = c.Write(buf)
		<-hold
	}))
	direct.addr = direct.plan.Upstream.View().Members()[0].Endpoint.Address()
	open := func(r *rig) int {
		before := footprint()
		for range tunnels {
			cl := r.tunnel()
			cl.says("x", "x")
		}
		return footprint() - before
	}
	own := open(direct)
	through := open(r)
	each := (through - own) / tunnels
	t.Logf("an idle tunnel holds %d bytes", each)
	if each > 28<<10 {
		t.Errorf("an idle tunnel holds %d bytes", each)
	}
}
