package serve

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// moody is an endpoint of tunnels whose ends do what chance says.
func moody(t testing.TB) string {
	return origin(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := readHead(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n")
		_, _ = io.CopyN(c, r, rand.Int64N(200_000))
		switch rand.IntN(4) {
		case 0:
			_ = c.(*net.TCPConn).SetLinger(0)
		case 1:
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, r)
		case 2:
			_, _ = io.Copy(c, r)
		}
	})
}

// ramble sends bytes that name their place and demands that what comes back is where it ought to be.
func ramble(t testing.TB, w io.Writer, r io.Reader, closeWrite func()) {
	const size = 300_000
	text := bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), size/62+1)[:rand.IntN(size)]
	sent := make(chan struct{})
	go func() { // ends when all is sent or the tunnel is over
		defer close(sent)
		for rest := text; len(rest) > 0; {
			n := min(1+rand.IntN(50_000), len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
		if closeWrite != nil {
			closeWrite()
		}
	}()
	if closeWrite == nil { // leaves when it has had enough
		r = io.LimitReader(r, rand.Int64N(int64(len(text))+1))
	}
	got, err := io.ReadAll(r)
	if !bytes.HasPrefix(text, got) {
		t.Errorf("what came back is not what was sent (%d of %d bytes, %v)", len(got), len(text), err)
	}
	if closeWrite != nil && err == nil {
		<-sent
	}
}

func TestTunnelsThatEndAnyhowLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) { r.site.Protocols = H1 | H2 }, moody(t))
	client := &http.Client{Transport: r.h2Transport()}
	var all sync.WaitGroup
	for i := range 120 {
		all.Go(func() { // ends with its tunnel
			if i%2 == 0 {
				cl := r.dial().(*net.TCPConn)
				_ = cl.SetDeadline(time.Now().Add(time.Minute))
				b := bufio.NewReader(cl)
				_, _ = io.WriteString(cl, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n")
				if _, err := readHead(b); err != nil {
					t.Error(err)
					return
				}
				if i%3 == 0 {
					ramble(t, cl, b, nil)
				} else {
					ramble(t, cl, b, func() { _ = cl.CloseWrite() })
				}
				_ = cl.Close()
				return
			}
			e := connectTo(t, client, "foo")
			if i%3 == 0 {
				ramble(t, e.w, e.res.Body, nil)
			} else {
				ramble(t, e.w, e.res.Body, func() { _ = e.w.Close() })
			}
			_ = e.res.Body.Close()
		})
	}
	all.Wait()
	eventually(t, "every tunnel is over", func() bool { return r.openTunnels() == "0" })
	r.settled()
	eventually(t, "every connection is over", func() bool {
		client.CloseIdleConnections()
		return r.empty()
	})
}
