package serve

import (
	"io"
	"strings"
	"testing"
	"time"
)

// trickle writes s in pieces of n bytes, one each pause.
func trickle(w io.Writer, s string, n int, pause time.Duration) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for s != "" {
		piece := s[:min(n, len(s))]
		if _, err := io.WriteString(w, piece); err != nil {
			return err
		}
		s = s[len(piece):]
		<-tick.C
	}
	return nil
}

func TestABodyThatTricklesAboveTheRateArrives(t *testing.T) {
	t.Parallel()
	for _, framing := range []struct{ head, body string }{
		{"Content-Length: 300", strings.Repeat("x", 300)},
		{"Transfer-Encoding: chunked", "12c\r\n" + strings.Repeat("x", 300) + "\r\n0\r\n\r\n"},
	} {
		o := newRecorder(t, okFor)
		r := newRigWith(t, func(r *rig) { r.site.Limits.BodyRate = 100 }, o.addr)
		cl := r.client()
		cl.send("PUT / HTTP/1.1\r\nHost: a\r\n" + framing.head + "\r\n\r\n")
		if err := trickle(cl, framing.body, 10, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		cl.want(200, "hello")
		whole, _ := o.seen()
		if len(whole) != 1 || strings.Count(whole[0], "x") < 300 {
			t.Fatalf("%s: the origin saw %q", framing.head, whole)
		}
	}
}

func TestAHeadThatTricklesArrivesWithinItsTimeoutAndNotBeyond(t *testing.T) {
	t.Parallel()
	head := "GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + strings.Repeat("y", 100) + "\r\n\r\n"
	r := newRigWith(t, func(r *rig) { r.site.Limits.HeaderTimeout = ample }, saying(t, hello))
	cl := r.client()
	if err := trickle(cl, head, 5, 2*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	cl.want(200, "hello")

	slow := newRigWith(t, func(r *rig) { r.site.Limits.HeaderTimeout = 100 * time.Millisecond }, saying(t, hello))
	cl = slow.client()
	go func() { // trickles until it is refused
		_ = trickle(cl, head, 1, 20*time.Millisecond)
	}()
	cl.wantStatus("408")
	cl.ends()
}
