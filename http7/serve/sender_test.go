package serve

import (
	"net"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/deadline"
)

func readAll(t *testing.T, a *http7.Answer) string {
	t.Helper()
	defer a.Source.Close()
	var b strings.Builder
	for {
		chunk, s, f := a.Source.Next()
		switch s {
		case http7.Chunk:
			b.Write(chunk)
		case http7.Parked:
			a.Source.Await()
		case http7.End:
			return b.String()
		case http7.Failure:
			t.Fatal(f)
		}
	}
}

func detached(method string) *http7.Detached {
	d := &http7.Detached{Upstream: "u", Method: []byte(method), Target: []byte("/a")}
	d.Header.AddRaw([]byte("Host"), []byte("h"))
	d.Header.AddRaw([]byte("X-A"), []byte("1"))
	return d
}

func (r *rig) sender() *Sender {
	return NewSender(r.engine.Shared, func(name string) *Plan {
		if name == "u" {
			return r.plan
		}
		return nil
	})
}

func TestADetachedRequestIsAnsweredAndItsConnectionKept(t *testing.T) {
	o := newRecorder(t, okFor)
	r := newRig(t, o.addr)
	for range 3 {
		d := detached("POST")
		d.Body = []byte("body")
		a, f := r.sender().Send(d)
		if f != nil {
			t.Fatal(f)
		}
		if got := readAll(t, a); got != "hello" {
			t.Fatalf("got %q", got)
		}
	}
	whole, _ := o.seen()
	if len(whole) != 3 || !strings.Contains(whole[0], "POST /a HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nContent-Length: 4\r\nVia: 1.1 weir-") {
		t.Fatalf("the origin saw %q", whole)
	}
	if n := r.plan.Upstream.View().Members()[0].Endpoint.InFlight(); n != 0 {
		t.Fatalf("%d leases are still open", n)
	}
}

func TestADetachedRequestTriesAnotherEndpointAndAFreshConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	once := origin(t, func(c net.Conn) { // answers one request a connection, and says nothing of it
		b := make([]byte, 4096)
		if _, err := c.Read(b); err == nil {
			_, _ = c.Write([]byte(hello))
		}
	})
	r := newRig(t, l.Addr().String(), once)
	for range 5 {
		a, f := r.sender().Send(detached("GET"))
		if f != nil {
			t.Fatal(f)
		}
		if got := readAll(t, a); got != "hello" {
			t.Fatalf("got %q", got)
		}
	}
}

func TestADetachedRequestEndsAtItsDeadline(t *testing.T) {
	r := newRig(t, origin(t, func(c net.Conn) { <-t.Context().Done() }))
	d := detached("GET")
	d.Deadline = time.Now().Add(100 * time.Millisecond)
	from := deadline.Now()
	_, f := r.sender().Send(d)
	if took := deadline.Since(from, deadline.Now()); f != http7.RouteTimeout || took > ample {
		t.Fatalf("%v after %v", f, took)
	}
}

func TestADetachedRequestToNobodyFails(t *testing.T) {
	r := newRig(t, saying(t, hello))
	d := detached("GET")
	d.Upstream = "other"
	if _, f := r.sender().Send(d); f != http7.NoEndpoints {
		t.Fatalf("got %v", f)
	}
}
