package serve

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"weir/http7"
	"weir/http7/forward"
)

func TestADetachedRequestSkipsInterimAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, saying(t, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"+hello))
	a, f := r.sender().Send(detached("GET"))
	if f != nil || a.Status != 200 {
		t.Fatal(a, f)
	}
	if got := readAll(t, a); got != "hello" {
		t.Fatalf("got %q", got)
	}
}

func TestADetachedAnswerThatIsCutFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, origin(t, func(c net.Conn) {
		if _, err := readHead(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
		}
	}))
	a, f := r.sender().Send(detached("GET"))
	if f != nil {
		t.Fatal(f)
	}
	defer a.Source.Close()
	for {
		_, s, f := a.Source.Next()
		switch s {
		case http7.Parked:
			a.Source.Await()
		case http7.Failure:
			if f != http7.UpstreamCut {
				t.Fatalf("got %v", f)
			}
			return
		case http7.End:
			t.Fatal("a cut answer was whole")
		}
	}
}

func TestADetachedRequestIsRepeatedOnAFreshConnectionIfItsMethodMayBe(t *testing.T) {
	t.Parallel()
	// Each connection answers one request, then takes another and leaves without a word.
	leaver := func() string {
		return origin(t, func(c net.Conn) {
			br := bufio.NewReader(c)
			if _, err := readHead(br); err != nil {
				return
			}
			_, _ = io.WriteString(c, hello)
			_, _ = readHead(br)
		})
	}
	for method, want := range map[string]*http7.Fault{"GET": nil, "POST": http7.UpstreamStale} {
		r := newRig(t, leaver())
		a, f := r.sender().Send(detached(method))
		if f != nil {
			t.Fatal(method, f)
		}
		readAll(t, a)
		a, f = r.sender().Send(detached(method))
		if f != want {
			t.Errorf("%s on a stale connection: %v, want %v", method, f, want)
		}
		if f == nil {
			readAll(t, a)
		}
	}
}

func TestADetachedRequestGoesElsewhereForAStatusThatIsRetried(t *testing.T) {
	t.Parallel()
	sick := saying(t, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
	r := newRigWith(t, func(r *rig) { r.forward.Retry.On = []string{forward.On503} }, sick, saying(t, hello))
	for range 8 {
		a, f := r.sender().Send(detached("GET"))
		if f != nil || a.Status != 200 {
			t.Fatalf("%v, %v", a, f)
		}
		readAll(t, a)
	}
}

func TestDetachedRequestsMayBeSentAtOnce(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	r := newRig(t, o.addr)
	s := r.sender()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				a, f := s.Send(detached("GET"))
				if f != nil {
					t.Error(f)
					return
				}
				if got := readAll(t, a); got != "hello" {
					t.Errorf("got %q", got)
				}
			}
		})
	}
	all.Wait()
	if whole, _ := o.seen(); len(whole) != 200 {
		t.Fatalf("the origin saw %d requests", len(whole))
	}
	if n := r.plan.Upstream.View().Members()[0].Endpoint.InFlight(); n != 0 {
		t.Fatalf("%d leases are still open", n)
	}
}

func TestADetachedRequestLosesWhatEndsAtEachHop(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	r := newRig(t, o.addr)
	d := detached("GET")
	for _, f := range [][2]string{{"Connection", "x"}, {"TE", "trailers"}, {"Expect", "100-continue"}, {"Content-Length", "7"}, {"Cookie", "a=b"}} {
		d.Header.AddRaw([]byte(f[0]), []byte(f[1]))
	}
	a, f := r.sender().Send(d)
	if f != nil {
		t.Fatal(f)
	}
	readAll(t, a)
	whole, _ := o.seen()
	if len(whole) != 1 || !strings.Contains(whole[0], "Cookie: a=b\r\n") {
		t.Fatalf("the origin saw %q", whole)
	}
	for _, gone := range []string{"Connection", "TE:", "Expect", "Content-Length: 7"} {
		if strings.Contains(whole[0], gone) {
			t.Errorf("%s was sent on: %q", gone, whole[0])
		}
	}
}

// The copy of a POST without content said no length, which some servers answer with 411.
func TestADetachedRequestWithoutContentSaysSoIfItsModelDid(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	r := newRig(t, o.addr)
	for _, c := range []struct{ method, field, value, body, want string }{
		{"POST", "Content-Length", "0", "", "Content-Length: 0\r\n"},
		{"POST", "Transfer-Encoding", "chunked", "", "Content-Length: 0\r\n"},
		{"POST", "Transfer-Encoding", "chunked", "hello", "Content-Length: 5\r\n"},
		{"GET", "Accept", "*/*", "", ""},
	} {
		d := detached(c.method)
		d.Header.AddRaw([]byte(c.field), []byte(c.value))
		d.Body = []byte(c.body)
		a, f := r.sender().Send(d)
		if f != nil {
			t.Fatal(f)
		}
		readAll(t, a)
		whole, _ := o.seen()
		got := whole[len(whole)-1]
		if !strings.HasSuffix(got, "\r\n"+c.body) || strings.Count(got, "Content-Length") != min(1, len(c.want)) || !strings.Contains(got, c.want) || strings.Contains(got, "chunked") {
			t.Errorf("%s with %s: %s was copied as %q", c.method, c.field, c.value, got)
		}
	}
}
