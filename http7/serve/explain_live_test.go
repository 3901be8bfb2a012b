package serve

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/explain"
)

// event of a live exchange, as a step sees its answer.
type lived struct {
	route, fault string
	status       int
	local        bool
	verdicts     []string
}

// spy tells of every answer before other steps change it.
type spy struct{ seen chan lived }

func (p spy) Response(x *http7.Exchange) http7.Verdict {
	if x.Dry {
		return http7.Continue
	}
	l := lived{status: x.Answer.Status, local: x.Answer.Local, verdicts: slices.Clone(x.Verdicts)}
	if x.Route != nil {
		l.route = x.Route.Name
	}
	if x.Fault != nil {
		l.fault = x.Fault.Name
	}
	p.seen <- l
	return http7.Continue
}

// rewriting sets the target that is sent, from what the request is.
type rewriting struct{}

func (rewriting) Request(x *http7.Exchange) http7.Verdict {
	rest, _ := x.Captures.Get("rest")
	x.Out = append(append(x.Room(len(rest)+16), "/new/"...), rest...)
	x.Request.Set(tenantField, []byte("rewritten"))
	x.Verdicts = append(x.Verdicts, "p.rewrite:rewrote")
	return http7.Continue
}

// world is a rig with routes, policies and upstreams of many kinds, and what their endpoints are sent.
type world struct {
	*rig
	spy     spy
	origins map[string]*recorder // by upstream
}

func newWorld(t testing.TB) *world {
	w := &world{spy: spy{make(chan lived, 16)}, origins: map[string]*recorder{}}
	for _, name := range []string{"u", "one", "two", "named"} {
		w.origins[name] = newRecorder(t, okFor)
	}
	w.rig = newRigWith(t, w.build, w.origins["u"].addr)
	return w
}

// build gives the rig its routes.
func (w *world) build(r *rig) {
	last := http7.Step{Name: "edge.spy", Bundle: "edge", Stage: http7.Rewrite, Response: w.spy}
	deny := remarking{"edge.deny"}
	r.site.Early = []http7.Step{deny.step(http7.Guard)}
	r.site.Late = []http7.Step{last}
	r.site.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	r.site.Limits.BodyBytes = 500
	r.route.Steps = []http7.Step{remarking{"p.ask"}.step(http7.Authorise), last}
	r.route.Timeout = time.Minute
	add := func(route *http7.Route, steps ...http7.Step) *Plan {
		p := r.also(route)
		route.Steps = append(steps, last)
		return p
	}
	add(&http7.Route{Name: "refund", Paths: []string{"/v1/*"}, Conditions: []http7.Condition{
		{On: http7.OnContent, Name: "type", Test: http7.Equals, Value: "refund"},
	}}, remarking{"p.need"}.step(http7.Inspect))
	add(&http7.Route{Name: "tenant", Paths: []string{"/v1/*", "/t/{id}"}, Conditions: []http7.Condition{
		{On: http7.OnHeader, Name: "X-Tenant", Test: http7.Equals, Value: "acme"},
	}}).Without = []string{"edge"}
	add(&http7.Route{Name: "rewritten", Paths: []string{"/old/*"}}, http7.Step{Name: "p.rewrite", Stage: http7.Rewrite, Request: rewriting{}})
	add(&http7.Route{Name: "cors", Paths: []string{"/c/*"}, Methods: []string{"GET", "PUT"}},
		http7.Step{Name: "p.cors", Stage: http7.Present, Preflight: &offer{"p.cors", nil, true}})
	away := add(&http7.Route{Name: "away", Paths: []string{"/away"}})
	away.Route.Upstream, away.Upstream, away.Local = "", nil, redirecting{"https://b/"}
	split := add(&http7.Route{Name: "split", Paths: []string{"/s/*"}})
	split.Route.Upstream, split.Upstream = "", nil
	split.Split = &Split{By: hashOn(r.t, "cookie:uid"), Sides: []Side{
		{70, r.side("one", w.origins["one"].addr)}, {30, r.side("two", w.origins["two"].addr)},
	}}
	split.Split.Sides[1].Plan.Host = HostRule{Endpoint: true}
	for i := range split.Split.Sides {
		split.Split.Sides[i].Plan.Route = split.Route
	}
	named := add(&http7.Route{Name: "named", Hosts: []string{"*.example.com"}})
	named.Host = HostRule{Name: "inner.example"}
}

// draw makes a request, of which about half are refused.
func draw(rnd *rand.Rand) (head, body string) {
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	method := pick("GET", "GET", "GET", "POST", "POST", "POST", "PUT", "PUT", "OPTIONS", "OPTIONS", "HEAD", "M-X", "TRACE")
	path := pick("/v1/a", "/v1/", "/v%31/b%20c", "/t/7", "/t/%37", "/old/x/y", "/old", "/c/1", "/c/2", "/c/3", "/c/4", "/away", "/s/1", "/s/2", "/nowhere", "/", "/v1//a", "/v1/../a", "/a%2fb", "/a;b", "/%zz")
	target := path + pick("", "", "?", "?a=b", "?a=%41")
	host := pick("a", "a", "A:80", "x.example.com", "x.Example.COM:8080", "a", "b", "c", "a%2eb", "")
	if rnd.IntN(10) == 0 {
		target = "http://" + host + target
	}
	if rnd.IntN(30) == 0 && method == "OPTIONS" {
		target = "*"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\nHost: %s\r\n", method, target, pick("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"), host)
	for _, line := range []string{
		"X-Tenant: acme", "X-Tenant:other", "x-tenant: acme", "Authorization: Basic x", "Cookie: uid=" + strconv.Itoa(rnd.IntN(50)), "Cookie: a=b",
		"Origin: https://b", "Access-Control-Request-Method: PUT", "X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https",
		"Forwarded: for=203.0.113.9", "Via: 1.0 other", "TE: trailers", "Max-Forwards: " + pick("0", "3"), "Connection: x-drop", "X-Drop: 1", "X-Timeout-Ms: 5", "Accept: */*", "bad line",
	} {
		often := 10
		if method == "OPTIONS" && (strings.HasPrefix(line, "Origin") || strings.HasPrefix(line, "Access")) { // what makes a preflight
			often = 2
		}
		if rnd.IntN(often) == 0 && (line != "bad line" || rnd.IntN(8) == 0) {
			b.WriteString(line + "\r\n")
		}
	}
	framing, body := "", ""
	if method == "POST" || method == "PUT" {
		body = pick(`{"type":"refund"}`, `{"type":"x"}`, `{"type":`, strings.Repeat(" ", 600)+"{}", "")
		b.WriteString("Content-Type: " + pick("application/json", "application/json; charset=utf-8", "text/plain") + "\r\n")
		framing = pick("length", "length", "chunked")
	}
	switch framing {
	case "length":
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	case "chunked":
		b.WriteString("Transfer-Encoding: chunked\r\n")
	}
	return b.String() + "\r\n", body
}

// onTheWire returns a request as a client sends it.
func onTheWire(head, body string) string {
	if !strings.Contains(head, "Transfer-Encoding") {
		return head + body
	}
	if body == "" {
		return head + "0\r\n\r\n"
	}
	return fmt.Sprintf("%s%x\r\n%s\r\n0\r\n\r\n", head, len(body), body)
}

func TestAnExplanationIsWhatBecomesOfTheRequest(t *testing.T) {
	t.Parallel()
	n := 4000
	if testing.Short() {
		n = 2000
	}
	explainAndSend(t, n)
}

// explainAndSend explains random requests, sends them, and compares.
func explainAndSend(t *testing.T, n int) {
	w := newWorld(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	var cl *client
	actions := map[explain.Action]int{}
	for range n {
		head, body := draw(rnd)
		if cl == nil {
			cl = w.client()
			_ = cl.SetDeadline(time.Now().Add(5 * time.Minute))
		}
		q := &Question{Head: []byte(head), Body: []byte(body), Peer: cl.LocalAddr().(*net.TCPAddr).AddrPort()}
		heads := w.heads(q)
		e, d := w.engine.Explain(w.site, q), w.engine.Judge(w.site, q)
		actions[e.Action]++
		cl.send(onTheWire(head, body))
		method, _, _ := strings.Cut(head, " ")
		status, _, _, err := cl.answer(method)
		if err != nil {
			t.Fatalf("no answer to %q: %v", head, err)
		}
		w.compare(t, head+body, e, &d, heads, <-w.spy.seen, status)
		if t.Failed() {
			t.FailNow()
		}
		if status != 200 || strings.Contains(head, "HTTP/1.0") { // it may end
			_ = cl.Close()
			cl = nil
		}
	}
	t.Logf("%v", actions)
	for _, a := range []explain.Action{explain.Forwarded, explain.Divided, explain.Redirected, explain.Answered, explain.Refused} {
		if actions[a] < n/1000 {
			t.Errorf("%d of %d requests were %s", actions[a], n, a)
		}
	}
}

// heads returns the heads that would leave, by upstream.
func (w *world) heads(q *Question) map[string]string {
	r := w.engine.rehearse(w.site, q, nil)
	defer r.end()
	if r.fault != nil || r.x.Answer != nil {
		return nil
	}
	heads := map[string]string{}
	r.x.freeze(&r.c.in)
	for _, p := range r.plans() {
		r.x.plan = p
		heads[p.upstreamName()] = string(r.c.appendRequest(nil, r.x, p.Upstream.View().Members()[0].Endpoint, r.x.wheel(0)))
	}
	return heads
}

// compare demands that what was said of a request has become of it.
func (w *world) compare(t *testing.T, request string, e *explain.Report, d *Decision, heads map[string]string, l lived, status int) {
	t.Helper()
	route, fault := "", ""
	if e.Route != nil {
		route = e.Route.Name
	}
	if e.Answer != nil {
		fault = e.Answer.Fault
	}
	if route != l.route || fault != l.fault || !slices.Equal(d.Verdicts, l.verdicts) && len(d.Verdicts)+len(l.verdicts) > 0 {
		t.Errorf("%q: explained as route %q, fault %q, verdicts %q; lived %+v", request, route, fault, d.Verdicts, l)
	}
	if d.Route != nil && d.Route.Name != route || d.Fault != nil && d.Fault.Name != fault {
		t.Errorf("%q: judged %s, explained as %q, %q", request, d.short(), route, fault)
	}
	if e.Answer != nil && (e.Answer.Status != status || d.Status != status || !l.local) || e.Answer == nil && l.local {
		t.Errorf("%q: explained as answer %+v, judged %s; lived %d", request, e.Answer, d.short(), status)
	}
	w.compareSent(t, request, e, heads)
}

// compareSent demands that the endpoint has got what was said it would, and nobody else anything.
func (w *world) compareSent(t *testing.T, request string, e *explain.Report, heads map[string]string) {
	t.Helper()
	sent := 0
	for name, o := range w.origins {
		for _, got := range o.takeAll() {
			sent++
			head, _, _ := strings.Cut(got, "\r\n\r\n")
			if want := strings.TrimSuffix(heads[name], "\r\n\r\n"); untimed(head) != untimed(want) {
				t.Errorf("%q: upstream %s got\n%q, explained\n%q", request, name, head, want)
			}
			i := slices.IndexFunc(e.Upstreams, func(u explain.Upstream) bool { return u.Name == name })
			if i < 0 {
				t.Errorf("%q went to %s, explained as going to %+v", request, name, e.Upstreams)
				continue
			}
			first, fields := fieldsOf([]byte(head))
			out := e.Upstreams[i].Request
			if first != out.Method+" "+out.Target+" HTTP/1.1" || !slices.Equal(timeless(fields), timeless(out.Fields)) {
				t.Errorf("%q: upstream %s got\n%q, explained\n%+v", request, name, head, out)
			}
		}
	}
	if want := min(len(e.Upstreams), 1); sent != want {
		t.Errorf("%q was sent %d times, explained as %d", request, sent, want)
	}
}

// untimed is a head without the line that says how much time is left.
func untimed(head string) string {
	before, rest, found := strings.Cut(head, "X-Timeout-Ms: ")
	if !found {
		return head
	}
	_, after, _ := strings.Cut(rest, "\r\n")
	return before + after
}

func timeless(fields []explain.Field) []explain.Field {
	return slices.DeleteFunc(fields, func(f explain.Field) bool { return f.Name == "X-Timeout-Ms" })
}

// takeAll returns the requests that came since the last call.
func (o *recorder) takeAll() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.whole
	o.whole = nil
	return all
}

// FuzzExplain asks about arbitrary requests: nothing panics, and both ways of asking agree.
func FuzzExplain(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		head, body := draw(rnd)
		f.Add([]byte(head), []byte(body), int64(0))
	}
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), []byte(nil), int64(-1))
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, head, body []byte, length int64) {
		q := &Question{Head: head, Body: body, BodyLength: length, Peer: netip.MustParseAddrPort("192.0.2.7:999")}
		d, e := w.engine.Judge(w.site, q), w.engine.Explain(w.site, q)
		if d.Fault == http7.Panicked {
			t.Fatalf("%q panics", head)
		}
		if (d.Route == nil) != (e.Route == nil) || d.Status != 0 && (e.Answer == nil || e.Answer.Status != d.Status) {
			t.Fatalf("judged %s, explained %+v", d.short(), e)
		}
	})
}
