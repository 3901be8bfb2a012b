package serve

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"weir/http7"
)

// refunds is a rig with a route for refunds beside one for everything, whose endpoint answers with the request's
// line and body.
func refunds(t testing.TB, change func(refund *http7.Route, r *rig)) (*rig, *recorder) {
	o := newRecorder(t, okFor)
	r := newRigWith(t, func(r *rig) {
		refund := &http7.Route{Name: "refund", Conditions: []http7.Condition{
			{On: http7.OnContent, Name: "order.type", Test: http7.Equals, Value: "refund"},
		}}
		r.also(refund)
		mark, _ := http7.NewName("X-Route")
		p := &scripted{answer: func(x *http7.Exchange) http7.Verdict {
			if x.Route != nil {
				x.Answer.Header.Set(mark, []byte(x.Route.Name))
			}
			return http7.Continue
		}}
		r.route.Steps = []http7.Step{p.answerStep("p.mark", http7.Present)}
		refund.Steps = r.route.Steps
		if change != nil {
			change(refund, r)
		}
	}, o.addr)
	return r, o
}

const (
	refund   = `{"order":{"type":"refund","n":1}}`
	purchase = `{"order":{"type":"purchase","n":1}}`
)

// order is a request with a JSON body of known length.
func order(body string) string {
	return fmt.Sprintf("POST /o HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// wantRoute reads the next answer and demands the route that took the request.
func (c *client) wantRoute(route string) {
	c.t.Helper()
	status, h, _, err := c.answer("GET")
	if err != nil || status != 200 || h.Get("X-Route") != route {
		c.t.Fatalf("%d by route %q, %v; want route %q", status, h.Get("X-Route"), err, route)
	}
}

func TestARouteIsFoundByContent(t *testing.T) {
	t.Parallel()
	chunked := "POST /o HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct{ name, request, route string }{
		{"known length", order(refund), "refund"},
		{"another value", order(purchase), "all"},
		{"chunks", chunked + fmt.Sprintf("5\r\n%s\r\n%x\r\n%s\r\n0\r\nX-T: 1\r\n\r\n", refund[:5], len(refund)-5, refund[5:]), "refund"},
		{"no body", "GET /o HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\r\n", "all"},
		{"another type", strings.Replace(order(refund), "application/json", "text/plain", 1), "all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, o := refunds(t, nil)
			cl := r.client()
			for range 2 { // the connection takes another request
				cl.send(c.request)
				cl.wantRoute(c.route)
			}
			_, body, _ := strings.Cut(c.request, "\r\n\r\n")
			for _, got := range first(o.seen()) {
				if _, sent, _ := strings.Cut(got, "\r\n\r\n"); strings.HasPrefix(body, "{") && sent != body || strings.HasPrefix(body, "5") && !strings.Contains(sent, `refund`) {
					t.Errorf("the origin got the body %q, want %q", sent, body)
				}
			}
		})
	}
}

func TestRequestsBehindAMatchByContentAreNotTouched(t *testing.T) {
	t.Parallel()
	r, o := refunds(t, nil)
	cl := r.client()
	cl.send(order(refund) + order(purchase) + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n" + order(refund))
	for _, route := range []string{"refund", "all", "all", "refund"} {
		cl.wantRoute(route)
	}
	if whole, _ := o.seen(); len(whole) != 4 || !strings.HasSuffix(whole[1], purchase) || !strings.HasPrefix(whole[2], "GET /next ") {
		t.Errorf("the origin saw %q", whole)
	}
}

func TestAClientThatWaitsFor100IsAskedForContent(t *testing.T) {
	t.Parallel()
	r, o := refunds(t, nil)
	cl := r.client()
	for range 2 {
		head, body, _ := strings.Cut(strings.Replace(order(refund), "Host: a", "Host: a\r\nExpect: 100-continue", 1), "\r\n\r\n")
		cl.send(head + "\r\n\r\n")
		if got, err := readHead(cl.r); got != "HTTP/1.1 100 Continue\r\n\r\n" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		cl.send(body)
		cl.wantRoute("refund")
	}
	for _, got := range first(o.seen()) {
		if strings.Contains(got, "Expect") || !strings.HasSuffix(got, refund) {
			t.Errorf("the origin saw %q", got)
		}
	}
}

func TestAClientIsNotAskedForContentThatNoConditionReads(t *testing.T) {
	t.Parallel()
	p := &scripted{request: func(x *http7.Exchange) http7.Verdict { return http7.Refuse(teapot) }}
	r, _ := refunds(t, func(refund *http7.Route, r *rig) {
		refund.Paths = []string{"/refunds"}
		r.route.Steps = append(r.route.Steps, p.step("p.deny"))
	})
	cl := r.client()
	cl.send("POST /o HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	cl.wantStatus("418")
}

func TestContentThatIsTooLongOrBrokenIsRefused(t *testing.T) {
	t.Parallel()
	long := `{"x":"` + strings.Repeat("x", 2000) + `"}`
	huge := `{"x":"` + strings.Repeat("x", 1<<20) + `"}`
	chunks := func(body string) string {
		return fmt.Sprintf("POST /o HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	for _, c := range []struct {
		name    string
		change  func(refund *http7.Route, r *rig)
		request string
		want    string
	}{
		{"no limit, up to 1 MiB", nil, order(long), "200"},
		{"no limit, over 1 MiB", nil, order(huge), "413"},
		{"no limit, over 1 MiB in chunks", nil, chunks(huge), "413"},
		{"over the listener's limit", func(_ *http7.Route, r *rig) { r.site.Limits.BodyBytes = 1000 }, order(long), "413"},
		{"over the listener's limit in chunks", func(_ *http7.Route, r *rig) { r.site.Limits.BodyBytes = 1000 }, chunks(long), "413"},
		{"over the route's limit", func(refund *http7.Route, _ *rig) { refund.BodyLimit = 1000 }, order(long), "413"},
		{"under the route's limit, over the listener's", func(refund *http7.Route, r *rig) {
			refund.BodyLimit, r.route.BodyLimit, r.site.Limits.BodyBytes = 10_000, 10_000, 1000
		}, order(long), "200"},
		{"under the limit of the route that asks, over that of the one that takes it", func(refund *http7.Route, r *rig) {
			refund.BodyLimit, r.route.BodyLimit = 10_000, 1000
		}, chunks(long), "413"},
		{"broken", nil, order(`{"order":`), "400"},
		{"too deep", nil, order(strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)), "400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, _ := refunds(t, c.change)
			cl := r.client()
			go cl.send(c.request)
			if c.want == "200" {
				cl.want(200, "hello")
				return
			}
			cl.wantStatus(c.want)
		})
	}
}

func TestAClientThatStopsInContentIsNotMatched(t *testing.T) {
	t.Parallel()
	r, o := refunds(t, nil)
	cl := r.client()
	whole := order(refund)
	cl.send(whole[:len(whole)-3])
	_ = cl.Conn.(interface{ CloseWrite() error }).CloseWrite()
	cl.wantStatus("400")
	if whole, _ := o.seen(); len(whole) > 0 {
		t.Errorf("the origin saw %q", whole)
	}
}

// A refusal of a listener stands until the match, which may need content: the client must not be able to keep the
// bytes from being counted.
func TestARefusalBeforeAMatchByContentStands(t *testing.T) {
	t.Parallel()
	r, o := refunds(t, func(refund *http7.Route, r *rig) {
		r.site.Early = []http7.Step{{Name: "edge.deny", Bundle: "edge", Request: verdict{http7.Refuse(teapot)}}}
		r.site.Plans[1].Without = []string{"edge"}
	})
	cl := r.client()
	cl.send(order(purchase))
	cl.wantStatus("418")
	cl.send(order(refund))
	cl.wantRoute("refund")
	if whole, _ := o.seen(); len(whole) != 1 {
		t.Errorf("the origin saw %q", whole)
	}
}

func TestAPolicyBehindAMatchByContentGetsTheSameBytes(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	p := &scripted{
		request: func(*http7.Exchange) http7.Verdict { return http7.NeedBody(-1) },
		resume: func(x *http7.Exchange, _ http7.Event) http7.Verdict {
			got <- fmt.Sprint(string(x.Body.Collected), x.Body.Whole)
			return http7.Continue
		},
	}
	r, o := refunds(t, func(refund *http7.Route, r *rig) { refund.Steps = append(refund.Steps, p.step("p.need")) })
	cl := r.client()
	cl.send(order(refund))
	cl.wantRoute("refund")
	if s := <-got; s != refund+"true" {
		t.Errorf("the policy got %q", s)
	}
	if whole, _ := o.seen(); len(whole) != 1 || !strings.HasSuffix(whole[0], refund) {
		t.Errorf("the origin saw %q", whole)
	}
}

// slowly sends a request byte by byte.
func slowly(w io.Writer, s string) {
	for i := range s {
		if _, err := io.WriteString(w, s[i:i+1]); err != nil {
			return
		}
	}
}

func TestContentThatComesByteByByteIsMatched(t *testing.T) {
	t.Parallel()
	r, _ := refunds(t, func(_ *http7.Route, r *rig) { r.site.Limits.BodyRate = 1 }) // a busy machine is slower than byte by byte
	cl := r.client()
	for range 2 {
		go slowly(cl.Conn, order(refund))
		cl.wantRoute("refund")
	}
}
