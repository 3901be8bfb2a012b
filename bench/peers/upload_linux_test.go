package peers

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/internal/testkit"
)

// read returns a file's text.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestInstalledPeersPassAnUploadOnAsItCame: the endpoint takes every body to be as long as the load's, so a proxy that
// re-frames it would be measured with garbage.
func TestInstalledPeersPassAnUploadOnAsItCame(t *testing.T) {
	for _, p := range rivals() {
		t.Run(p.name, func(t *testing.T) {
			path, ok := lookup(p.program)
			if !ok {
				path = testkit.Require(t, p.program)
			}
			p.program = path
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			h := openHarness(t, Options{}, p)
			c, err := h.start(t.Context(), h.found[0], setup{Most: 1000, Keep: 256, Origins: []int{l.Addr().(*net.TCPAddr).Port}, Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer c.stop()
			for name, s := range map[string]*Scenario{"upload": scenario(t, "upload"), "headers": scenario(t, "headers")} {
				request := throughTo(t, c.port, l, s.request(""))
				if request.ContentLength != int64(s.BodyBytes) || len(request.TransferEncoding) != 0 || request.Close {
					t.Errorf("%s: %d bytes, framed as %v, close %v", name, request.ContentLength, request.TransferEncoding, request.Close)
				}
				for _, f := range s.Fields {
					field, value, _ := strings.Cut(f, ": ")
					if got := request.Header.Get(field); got != value {
						t.Errorf("%s: %s is %q, was %q", name, field, got, value)
					}
				}
			}
		})
	}
}

// throughTo sends a request to a proxy's port and returns it as the endpoint gets it, its body read.
func throughTo(t *testing.T, port int, l net.Listener, request []byte) *http.Request {
	t.Helper()
	client, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	go client.Write(request) // ends with its bytes, or the connection's end
	l.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	got, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, got.Body)
	if err != nil || n != max(got.ContentLength, 0) {
		t.Fatalf("%d bytes of body of %d, %v", n, got.ContentLength, err)
	}
	return got
}
