package serve

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// judge is an origin that reads requests with net/http and keeps what it can't read.
type judge struct {
	mu  sync.Mutex
	bad []string
}

func (j *judge) serve(c net.Conn) {
	var raw strings.Builder
	r := bufio.NewReader(io.TeeReader(c, &raw))
	for {
		request, err := http.ReadRequest(r)
		if err != nil {
			if raw.Len() > 0 && !isEnd(err) {
				j.note(raw.String(), err)
			}
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			if !isEnd(err) {
				j.note(raw.String(), err)
			}
			return
		}
		if request.Host == "" || len(request.Header["Via"]) == 0 || strings.ContainsAny(request.Host, " ,/@") {
			j.note(raw.String(), nil)
		}
		raw.Reset()
		if _, err := io.WriteString(c, okFor(request.Method+" ")); err != nil {
			return
		}
	}
}

// isEnd reports whether err is a connection that ended, as it does behind a request that is cut.
func isEnd(err error) bool {
	return err == io.EOF || err == io.ErrUnexpectedEOF || isReset(err)
}

func (j *judge) note(raw string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		raw += "\n" + err.Error()
	}
	j.bad = append(j.bad, raw)
}

// FuzzEngine sends arbitrary bytes to an engine. Whatever they are: the client is done within its
// time, nothing panics, no goroutine stays, and the origin sees requests that net/http can read.
func FuzzEngine(f *testing.F) {
	for _, cases := range requestTables {
		for i := range cases {
			if len(cases[i].send) < 500 {
				f.Add([]byte(crlf(cases[i].send)))
			}
		}
	}
	var j judge
	var panics []string
	var mu sync.Mutex
	r := newRigWith(f, func(r *rig) {
		r.site.Limits.HeaderTimeout = 2 * time.Second
		r.engine.Panicked = func(v any, stack []byte) {
			mu.Lock()
			defer mu.Unlock()
			panics = append(panics, string(stack))
		}
	}, origin(f, j.serve))
	before := runtime.NumGoroutine() // other tests' origins and idle connections outlast them for a while
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(ample))
		go func() { // the upload; ends with the connection
			_, _ = c.Write(raw)
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		if _, err := io.Copy(io.Discard, c); isTimeout(err) {
			t.Fatal("the engine goes on")
		}
		r.idle(t)
		if n := runtime.NumGoroutine(); n > before+1000 {
			t.Fatalf("%d goroutines, and %d before", n, before)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(panics) > 0 {
			t.Fatalf("panic: %s", panics[0])
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		if len(j.bad) > 0 {
			t.Fatalf("the origin saw %q", j.bad[0])
		}
	})
}
