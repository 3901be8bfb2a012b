package shared

import (
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"weir/internal/conf"
)

// distant returns the socket of a server whose answers take so long.
func distant(t *testing.T, r *realRedis, takes time.Duration) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "far.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with l
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", r.path)
			if err != nil {
				_ = near.Close()
				continue
			}
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }() // ends with its connections, as the next does
			go late(near, far, takes)
		}
	}()
	return path
}

// late copies what far says to near, a while later.
func late(near, far net.Conn, takes time.Duration) {
	defer near.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := far.Read(buf)
		if err != nil {
			return
		}
		<-time.After(takes)
		if _, err := near.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A server is up if each answer comes in time, however many it takes to connect and to learn the scripts: three at least,
// which together take longer than one may.
func TestAServerWhoseAnswersComeJustInTimeIsUp(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	path := distant(t, r, 90*time.Millisecond)
	s, _ := r.node(func(c *Config) { c.Redis, c.Timeout = "unix://"+path, conf.Dur(260*time.Millisecond) })
	eventually(t, "the server is asked", func() bool {
		return take(s.Rate("api", 10, 1000), "key", 1).Outcome == Taken && !s.down.Load() && s.Stats().Asked > 0
	})
}
