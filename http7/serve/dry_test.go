package serve

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

// asking is a question from 192.0.2.7.
func asking(head, body string) *Question {
	return &Question{Head: []byte(crlf(head)), Body: []byte(body), Peer: netip.MustParseAddrPort("192.0.2.7:999")}
}

// remarking is a policy that says of a request what its name says.
type remarking struct{ name string }

func (p remarking) Request(x *http7.Exchange) http7.Verdict {
	switch {
	case x.Request.Has(http7.Authorization) && strings.Contains(p.name, "deny"):
		x.Verdicts = append(x.Verdicts, p.name+":denied")
		return http7.Refuse(teapot)
	case x.Lacks("header:x-tenant"):
		return http7.Continue
	case strings.Contains(p.name, "wait") && x.Word == 0:
		return http7.WaitUntil(time.Now().Add(time.Hour))
	case strings.Contains(p.name, "ask"):
		x.Verdicts = append(x.Verdicts, p.name+":unknown: would ask http://auth/")
	case strings.Contains(p.name, "need"):
		return http7.NeedBody(-1)
	}
	return http7.Continue
}

func (p remarking) Resume(x *http7.Exchange, why http7.Event) http7.Verdict {
	x.Verdicts = append(x.Verdicts, fmt.Sprintf("%s:resumed %d with %q", p.name, why, x.Body.Collected))
	return http7.Continue
}

func (p remarking) step(stage http7.Stage) http7.Step {
	bundle, _, _ := strings.Cut(p.name, ".")
	return http7.Step{Name: p.name, Bundle: bundle, Stage: stage, Request: p}
}

// judging is a rig with a route of every kind. Nothing is sent to it.
func judging(t testing.TB) *rig {
	return newRigWith(t, func(r *rig) {
		r.route.Paths = []string{"/v1/*"}
		r.route.Steps = []http7.Step{remarking{"p.ask"}.step(http7.Authorise), remarking{"p.wait"}.step(http7.Throttle)}
		r.route.Timeout = time.Minute
		r.site.Early = []http7.Step{remarking{"edge.deny"}.step(http7.Guard)}
		refund := r.also(&http7.Route{Name: "refund", Paths: []string{"/v1/*"}, BodyLimit: 100, Conditions: []http7.Condition{
			{On: http7.OnContent, Name: "order.type", Test: http7.Equals, Value: "refund"},
		}})
		refund.Route.Steps = []http7.Step{remarking{"p.need"}.step(http7.Inspect)}
		tenant := r.also(&http7.Route{Name: "tenant", Paths: []string{"/tenant"}, Conditions: []http7.Condition{
			{On: http7.OnHeader, Name: "X-Tenant", Test: http7.Equals, Value: "acme"},
		}})
		tenant.Without = []string{"edge"}
		local := r.also(&http7.Route{Name: "old", Paths: []string{"/old"}})
		local.Route.Upstream, local.Upstream, local.Local = "", nil, redirecting{"https://b/"}
		split := r.also(&http7.Route{Name: "split", Paths: []string{"/split"}})
		split.Route.Upstream, split.Upstream = "", nil
		split.Split = &Split{By: hashOn(t, "cookie:uid"), Words: "cookie:uid", Sides: []Side{
			{95, r.side("one", "127.0.0.1:1")}, {5, r.side("two", "127.0.0.1:2")}, {0, r.side("three", "127.0.0.1:3")},
		}}
		r.also(&http7.Route{Name: "hello", Paths: []string{"/hello"}, Handler: http7.Respond(200, "", nil)})
	}, "127.0.0.1:4")
}

// short writes a decision on one line.
func (d Decision) short() string {
	s := fmt.Sprint(d.Status)
	if d.Route != nil {
		s += " " + d.Route.Name
	}
	if d.Fault != nil {
		s += " " + d.Fault.Name
	}
	if d.By != "" {
		s += " by " + d.By
	}
	if d.Location != "" {
		s += " at " + d.Location
	}
	if len(d.Upstreams) > 0 {
		s += " to " + strings.Join(d.Upstreams, ",")
	}
	if d.Undecided {
		s += " undecided"
	}
	return s
}

func TestJudgeSaysWhatWouldBecomeOfARequest(t *testing.T) {
	t.Parallel()
	r := judging(t)
	json := "Host: a|Content-Type: application/json|Content-Length: "
	for _, c := range []struct{ what, head, body, want string }{
		{"forwarded", "GET /v1/a HTTP/1.1|Host: a||", "", "0 all to u"},
		{"a path in another spelling", "GET /v%31/a HTTP/1.1|Host: a||", "", "0 all to u"},
		{"an ambiguous path", "GET /v1/../a HTTP/1.1|Host: a||", "", "400 ambiguous_path"},
		{"no route", "GET /v2 HTTP/1.1|Host: a||", "", "404 no_route"},
		{"by content", "POST /v1/a HTTP/1.1|" + json + "27||", `{"order":{"type":"refund"}}`, "0 refund to u"},
		{"by other content", "POST /v1/a HTTP/1.1|" + json + "26||", `{"order":{"type":"other"}}`, "0 all to u"},
		{"by broken content", "POST /v1/a HTTP/1.1|" + json + "9||", `{"order":`, "400 bad_content"},
		{"content beyond the limit", "POST /v1/a HTTP/1.1|" + json + "200||", strings.Repeat(" ", 200), "413 body_too_large"},
		{"content that is not there", "POST /v1/a HTTP/1.1|" + json + "27||", "", "0 undecided"},
		{"refused by the listener", "GET /v1/a HTTP/1.1|Host: a|Authorization: x||", "", "418 all teapot by edge.deny"},
		{"refused by the listener without a route", "GET /v2 HTTP/1.1|Host: a|Authorization: x||", "", "418 teapot by edge.deny"},
		{"a route that opts out", "GET /tenant HTTP/1.1|Host: a|Authorization: x|X-Tenant: acme||", "", "0 tenant to u"},
		{"a redirect", "GET /old HTTP/1.1|Host: a||", "", "308 old at https://b/"},
		{"a redirect that fails", "GET /old?a HTTP/1.1|Host: a||", "", "500 old handler"},
		{"a split", "GET /split HTTP/1.1|Host: a||", "", "0 split to one,two"},
		{"a handler", "GET /hello HTTP/1.1|Host: a||", "", "0 hello"},
		{"a bad head", "GET /v1 HTTP/1.1|Host: a|no colon||", "", "400 bad_field"},
		{"half a head", "GET /v1 HTTP/1.1|Host: a|", "", "408 request_timeout"},
		{"a method that is not served", "TRACE /v1 HTTP/1.1|Host: a||", "", "405 method_refused"},
		{"the last hop", "OPTIONS /v1 HTTP/1.1|Host: a|Max-Forwards: 0||", "", "204"},
	} {
		if got := r.engine.Judge(r.site, asking(c.head, c.body)).short(); got != c.want {
			t.Errorf("%s: %s; want %s", c.what, got, c.want)
		}
	}
}

func TestJudgeOfARecordSaysWhenTheLogDoesNotSuffice(t *testing.T) {
	t.Parallel()
	r := judging(t)
	head := "GET %s HTTP/1.1|Host: a|X-Tenant: acme||"
	for _, c := range []struct {
		what, path string
		fields     []string
		length     int64
		want       string
		missed     string
	}{
		{"all that is read is known", "/v1/a", []string{"header:x-tenant"}, 0, "0 all to u", ""},
		{"a policy reads what is not", "/v1/a", nil, 0, "0 all to u undecided", "header:x-tenant header:x-tenant header:x-tenant"},
		{"a condition reads what is known", "/tenant", []string{"header:x-tenant"}, 0, "0 tenant to u", ""},
		{"a body that a condition reads", "/v1/a", []string{"header:x-tenant"}, 100, "0 undecided", "body"},
		{"a body that nobody reads", "/tenant", []string{"header:x-tenant"}, 100, "0 tenant to u", ""},
		{"what ends before it is read", "/a//b", nil, 0, "400 ambiguous_path", ""},
	} {
		q := asking(fmt.Sprintf(head, c.path), "")
		q.Recorded = &http7.Recorded{Fields: map[string]bool{}}
		for _, f := range c.fields {
			q.Recorded.Fields[f] = true
		}
		q.BodyLength = c.length
		d := r.engine.Judge(r.site, q)
		if got := d.short(); got != c.want || strings.Join(q.Recorded.Missed, " ") != c.missed {
			t.Errorf("%s: %s, missed %q; want %s, %q", c.what, got, q.Recorded.Missed, c.want, c.missed)
		}
	}
}

func TestAJudgedClientIsBelieved(t *testing.T) {
	t.Parallel()
	var saw []string
	p := &scripted{request: func(x *http7.Exchange) http7.Verdict {
		saw = append(saw, fmt.Sprintf("%v %v %q %v", x.Client, x.Secure, x.Conn.SNI, x.Conn.Peer.Addr()))
		return http7.Continue
	}}
	r := newRigWith(t, withSteps(p.step("p.look")), "127.0.0.1:4")
	q := asking("GET / HTTP/1.1|Host: a|X-Forwarded-For: 198.51.100.1||", "")
	r.engine.Judge(r.site, q)
	q.Client, q.TLS, q.SNI = netip.MustParseAddr("203.0.113.9"), true, "a.example"
	r.engine.Judge(r.site, q)
	if want := []string{`192.0.2.7 false "" 192.0.2.7`, `203.0.113.9 true "a.example" 192.0.2.7`}; !slices.Equal(saw, want) {
		t.Errorf("the policy saw %q, want %q", saw, want)
	}
	if n := p.ends.Load(); n != 2 {
		t.Errorf("%d Ends of 2", n)
	}
}

func TestAPolicyThatPanicsInADryRunIsA500(t *testing.T) {
	t.Parallel()
	p := &scripted{request: func(*http7.Exchange) http7.Verdict { panic("on purpose") }}
	r := newRigWith(t, withSteps(p.step("p.panic")), "127.0.0.1:4")
	r.engine.Panicked = func(any, []byte) { t.Error("it was counted") }
	q := asking("GET / HTTP/1.1|Host: a||", "")
	if got := r.engine.Judge(r.site, q).short(); got != "500 all panic" || p.ends.Load() != 1 {
		t.Errorf("%s, %d Ends", got, p.ends.Load())
	}
	if e := r.engine.Explain(r.site, q); e.Answer == nil || e.Answer.Status != 500 {
		t.Errorf("explained as %+v", e.Answer)
	}
}

// state is everything that a dry run must not move.
func (r *rig) state() string {
	var b bytes.Buffer
	r.series.WritePrometheus(&b)
	lines := slices.DeleteFunc(strings.Split(b.String(), "\n"), func(s string) bool {
		return strings.HasPrefix(s, "go_") || strings.HasPrefix(s, "process_") || strings.Contains(s, "uptime")
	})
	for _, p := range r.site.Plans {
		plans := []*Plan{p}
		if p.Split != nil {
			plans = nil
			for _, s := range p.Split.Sides {
				plans = append(plans, s.Plan)
			}
		}
		for _, p := range plans {
			if p.Upstream == nil {
				continue
			}
			lines = append(lines, fmt.Sprintf("%+v %+v", p.Upstream.Gate().Stats(), p.Counters.Stats().HedgesWon))
			for _, m := range p.Upstream.View().Members() {
				lines = append(lines, fmt.Sprintf("%s %d %v %v", m.Endpoint.Address(), m.Endpoint.InFlight(), m.Endpoint.Latency(), m.Endpoint.State()))
			}
			for _, why := range slices.Sorted(maps.Keys(p.Counters.Stats().Retried)) {
				lines = append(lines, fmt.Sprint(why, p.Counters.Stats().Retried[why]))
			}
		}
	}
	return strings.Join(lines, "\n")
}

func TestADryRunMovesNothing(t *testing.T) {
	t.Parallel()
	r := judging(t)
	before := r.state()
	for range 50 {
		for _, head := range []string{
			"GET /v1/a HTTP/1.1|Host: a||", "GET /split HTTP/1.1|Host: a|Cookie: uid=7||", "GET /v2 HTTP/1.1|Host: a||",
			"GET /old HTTP/1.1|Host: a||", "GET /v1/a HTTP/1.1|Host: a|Authorization: x||", "GET /hello HTTP/1.1|Host: a||",
			"GET /v1 HTTP/1.1|Host: a|no colon||",
		} {
			r.engine.Judge(r.site, asking(head, ""))
			r.engine.Explain(r.site, asking(head, ""))
		}
	}
	if after := r.state(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}
