//go:build unix

package tcp4

import (
	"net"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A listener that ends looks for what is still queued. A signal that comes amid the look must not hide a client, and Go's
// runtime sends itself many.
func TestAQueuedConnectionIsSeenWhileSignalsCome(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s := &socket{}
	if s.raw, err = ln.(*net.TCPListener).SyscallConn(); err != nil {
		t.Fatal(err)
	}
	if s.pending() {
		t.Error("a connection is there before it was made")
	}
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ended := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
				_ = unix.Kill(unix.Getpid(), unix.SIGURG)
			}
		}
	})
	defer sender.Wait()
	defer close(ended)
	looks := 200_000
	if testing.Short() {
		looks = 50_000
	}
	for i := range looks {
		if !s.pending() {
			t.Fatalf("look %d does not see the connection", i)
		}
	}
}
