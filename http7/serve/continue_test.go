package serve

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

// quietFor demands that nothing comes on c for d.
func (c *client) quietFor(d time.Duration) {
	c.t.Helper()
	if err := c.noise(d); err != nil {
		c.t.Fatal(err)
	}
}

// noise tells what comes on c within d.
func (c *client) noise(d time.Duration) error {
	_ = c.SetReadDeadline(time.Now().Add(d))
	if b, err := c.r.Peek(1); err == nil || !isTimeout(err) {
		return fmt.Errorf("%q, %w; want silence", b, err)
	}
	return c.SetReadDeadline(time.Now().Add(time.Minute))
}

const expecting = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"

func TestAClientThatWaitsFor100IsAskedForItsBody(t *testing.T) {
	t.Parallel()
	o := answering(t, hello)
	r := newRig(t, o.addr)
	cl := r.client()
	for range 2 {
		cl.send(expecting)
		if head, err := readHead(cl.r); head != "HTTP/1.1 100 Continue\r\n\r\n" || err != nil {
			t.Fatalf("%q, %v", head, err)
		}
		cl.send("hello")
		cl.want(200, "hello")
	}
	for _, request := range first(o.seen()) {
		if strings.Contains(request, "Expect") || !strings.HasSuffix(request, "hello") {
			t.Errorf("the origin saw %q", request)
		}
	}
}

func TestA100IsSentOnceHoweverOftenTheEndpointSaysIt(t *testing.T) {
	t.Parallel()
	o := answering(t, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"+hello)
	cl := newRig(t, o.addr).client()
	cl.send(expecting)
	if head, err := readHead(cl.r); head != "HTTP/1.1 100 Continue\r\n\r\n" || err != nil {
		t.Fatalf("%q, %v", head, err)
	}
	cl.send("hello")
	cl.want(200, "hello")
}

func TestARefusedClientIsNotAskedForItsBody(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*rig){
		"no route":  func(r *rig) { r.route.Methods = []string{"GET"} },
		"too large": func(r *rig) { r.site.Limits.BodyBytes = 4 },
		"a policy": func(r *rig) {
			r.route.Steps = []http7.Step{{Name: "p.x", Request: verdict{http7.Refuse(http7.NoRoute)}}}
		},
	} {
		o := answering(t, hello)
		cl := newRigWith(t, change, o.addr).client()
		cl.send(expecting)
		status, h, _, err := cl.answer("POST")
		if status < 400 || err != nil || h.Get("Connection") != "close" {
			t.Errorf("%s: %d, %v, Connection %q", name, status, err, h.Get("Connection"))
		}
		cl.ends()
	}
}

func TestA100GoesOutOnlyWhenTheBodyIsWanted(t *testing.T) {
	t.Parallel()
	// The policy waits before anybody wants the body; the client must not be asked meanwhile.
	release := make(chan http7.Waker, 1)
	p := &scripted{
		request: func(x *http7.Exchange) http7.Verdict {
			release <- x.Waker()
			return http7.WaitUntil(time.Time{})
		},
		resume: func(*http7.Exchange, http7.Event) http7.Verdict { return http7.Continue },
	}
	cl := newRigWith(t, func(r *rig) { r.route.Steps = []http7.Step{p.step("p.wait")} }, answering(t, hello).addr).client()
	cl.send(expecting)
	wake := <-release
	cl.quietFor(100 * time.Millisecond)
	wake.Wake()
	if head, err := readHead(cl.r); head != "HTTP/1.1 100 Continue\r\n\r\n" || err != nil {
		t.Fatalf("%q, %v", head, err)
	}
	cl.send("hello")
	cl.want(200, "hello")
}

func TestA100GoesOutForAPolicyThatNeedsTheBody(t *testing.T) {
	t.Parallel()
	collected := make(chan string, 1)
	p := &scripted{
		request: func(*http7.Exchange) http7.Verdict { return http7.NeedBody(-1) },
		resume: func(x *http7.Exchange, _ http7.Event) http7.Verdict {
			collected <- string(x.Body.Collected)
			return http7.Refuse(http7.NoRoute)
		},
	}
	o := answering(t, hello)
	cl := newRigWith(t, func(r *rig) { r.route.Steps = []http7.Step{p.step("p.need")} }, o.addr).client()
	cl.send(expecting)
	if head, err := readHead(cl.r); head != "HTTP/1.1 100 Continue\r\n\r\n" || err != nil {
		t.Fatalf("%q, %v", head, err)
	}
	cl.send("hello")
	cl.want(404, "no_route")
	if got := <-collected; got != "hello" {
		t.Errorf("the policy saw %q", got)
	}
	if _, conns := o.seen(); conns != 0 {
		t.Errorf("%d connections to the endpoint", conns)
	}
}

func TestA103ReachesHTTP11AtOnceAndHTTP10Never(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := newRig(t, origin(t, func(c net.Conn) {
		_, _ = readHead(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n")
		<-release
		_, _ = io.WriteString(c, hello)
	}))
	now, old := r.client(), r.client()
	now.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	old.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
	if head, err := readHead(now.r); head != "HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n" || err != nil {
		t.Fatalf("%q, %v", head, err)
	}
	close(release)
	now.want(200, "hello")
	old.want(200, "hello")
}
