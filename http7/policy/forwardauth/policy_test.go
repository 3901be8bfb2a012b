package forwardauth

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/testkit"
)

func TestTheServiceIsAskedAboutTheRequestAndNothingElse(t *testing.T) {
	s := newService(t, says(204, ""))
	steps, _ := compiled(t, s.URL+"/check?by=weir", nil)
	testkit.Policy(t, steps, strings.Replace(request, "GET", "POST", 1), answer)
	want := "GET /check?by=weir\nAuthorization: Bearer abc\nCookie: a=b\nX-Forwarded-For: 192.0.2.7\nX-Forwarded-Host: api.example.com\n" +
		"X-Forwarded-Method: POST\nX-Forwarded-Proto: http\nX-Forwarded-Uri: /orders/7?full=1"
	if len(s.asked) != 2 || s.asked[0] != want { // once for each of the two runs
		t.Errorf("asked %q, want twice %q", s.asked, want)
	}
}

func TestWhatItSaysOfWhoItIsIsEstablishedAndToldTheEndpoint(t *testing.T) {
	s := newService(t, says(200, "ignored", "X-User", "ann", "X-Team", "a", "X-Team", "b", "X-Groups", "staff, admins", "X-Groups", "ops", "X-Scope", "read write", "X-Secret", "s"))
	steps, _ := compiled(t, s.URL, nil)
	r := testkit.Policy(t, steps, request, answer)
	if want := "Host: api.example.com\nCookie: a=b\nX-Other: 1\nX-User: ann\nX-Team: a\nX-Team: b\n"; r.Request != want {
		t.Errorf("the endpoint gets %q, want %q", r.Request, want)
	}
	if r.Status != 200 || r.Consumer != "ann" {
		t.Errorf("got %d, consumer %q", r.Status, r.Consumer)
	}
	x := asked("GET", "/orders/7")
	if v := steps[0].Request.Request(x); v.Act != http7.Go || !x.Identified() || x.Scheme != Scheme {
		t.Errorf("got %+v, identified by %q", v, x.Scheme)
	}
	if got := fmt.Sprint(x.Groups, x.Scopes); got != "[staff admins ops] [read write]" {
		t.Errorf("groups and scopes are %s", got)
	}
	var claims []string
	for _, c := range x.Claims {
		claims = append(claims, c.Name+"="+string(c.Value))
	}
	if want := []string{"x-user=ann", "x-team=a", "x-team=b"}; !slices.Equal(claims, want) {
		t.Errorf("claims %q, want %q", claims, want)
	}
}

func TestPassLeavesTheCredential(t *testing.T) {
	s := newService(t, says(200, ""))
	steps, _ := compiled(t, s.URL, func(c *Config) { c.Pass = true })
	if r := testkit.Policy(t, steps, request, answer); !strings.Contains(r.Request, "Authorization: Bearer abc\n") {
		t.Errorf("the endpoint gets %q", r.Request)
	}
}

func TestRefusalsReachTheClientAsTheServiceWroteThem(t *testing.T) {
	for _, c := range []struct {
		what   string
		answer http.HandlerFunc
		status int
		fields string
		body   string
		fault  string
	}{
		{"401", says(401, "who?", "Www-Authenticate", "Bearer realm=\"x\"", "Content-Type", "text/plain"), 401,
			"Content-Type: text/plain\nWww-Authenticate: Bearer realm=\"x\"\n", "who?", "forward_auth_unauthorized"},
		{"401 that names no scheme", says(401, ""), 401, "WWW-Authenticate: ForwardAuth realm=\"edge\"\n", "", "forward_auth_unauthorized"},
		{"403", says(403, "no", "Content-Type", "text/html", "Set-Cookie", "a=1", "Set-Cookie", "b=2"), 403,
			"Content-Type: text/html\nSet-Cookie: a=1\nSet-Cookie: b=2\n", "no", "forward_auth_forbidden"},
		{"429", says(429, "", "Retry-After", "7"), 429, "Retry-After: 7\n", "", "forward_auth_limited"},
		{"302", says(302, "", "Location", "https://id.example.com/?to=x"), 302, "Location: https://id.example.com/?to=x\n", "", "forward_auth_redirect"},
		{"fields of the connection stay there", says(403, "", "Content-Type", "a/b", "Keep-Alive", "1", "X-Hop", "1", "Connection", "x-hop", "Proxy-Authenticate", "Basic", "Server", "s", "Via", "1.1 v"), 403,
			"Content-Type: a/b\n", "", "forward_auth_forbidden"},
	} {
		s := newService(t, c.answer)
		steps, _ := compiled(t, s.URL, nil)
		r := testkit.Policy(t, steps, request, answer)
		lines := strings.SplitAfter(r.Answer, "\n")
		slices.Sort(lines)
		if got := strings.Join(lines, ""); r.Status != c.status || got != c.fields || r.Body != c.body {
			t.Errorf("%s: got %d %q %q, want %d %q %q", c.what, r.Status, got, r.Body, c.status, c.fields, c.body)
		}
		if want := "edge.forward_auth: reply " + c.fault; r.Verdicts[0] != want {
			t.Errorf("%s: got %q, want %q", c.what, r.Verdicts[0], want)
		}
	}
}

func TestOtherAnswersOf3xxAnd4xxAreANoOfWeirsOwn(t *testing.T) {
	for _, answers := range []http.HandlerFunc{says(400, "a"), says(404, "a"), says(407, "a"), says(418, "a"), says(304, ""), says(300, "", "Location", "/"), says(302, "no place")} {
		s := newService(t, answers)
		steps, _ := compiled(t, s.URL, func(c *Config) { c.OnFailure = open })
		r := testkit.Policy(t, steps, request, answer)
		if r.Status != 403 || !strings.Contains(r.Body, "forward_auth_denied") || strings.Contains(r.Answer, "Location") {
			t.Errorf("got %d %q %q", r.Status, r.Answer, r.Body)
		}
	}
}

// dead is the URL of a service that is not there.
func dead(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestAServiceThatCantBeAskedClosesOrOpensAsConfigured(t *testing.T) {
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("half"))
	}
	for what, url := range map[string]string{
		"not there":        dead(t),
		"broken":           newService(t, says(500, "")).URL,
		"unavailable":      newService(t, says(503, "")).URL,
		"odd":              newService(t, says(600, "")).URL,
		"cut":              newService(t, cut).URL,
		"too much":         newService(t, says(200, strings.Repeat("a", 65<<10))).URL,
		"too much of a no": newService(t, says(403, strings.Repeat("a", 65<<10))).URL,
	} {
		steps, n := compiled(t, url, nil)
		r := testkit.Policy(t, steps, request, answer)
		if r.Status != 503 || !strings.Contains(r.Body, "forward_auth_unavailable") || !strings.Contains(unavailable.Extra, "Retry-After: ") || n.Count("edge.forward_auth failed") != 2 {
			t.Errorf("%s, closed: got %d %q, %d failures", what, r.Status, r.Body, n.Count("edge.forward_auth failed"))
		}
		steps, _ = compiled(t, url, func(c *Config) { c.OnFailure = open })
		r = testkit.Policy(t, steps, request, answer)
		if r.Status != 200 || !slices.Equal(r.Remarks, []string{"edge.forward_auth:passed unasked"}) || r.Consumer != "" {
			t.Errorf("%s, open: got %d, remarks %q, consumer %q", what, r.Status, r.Remarks, r.Consumer)
		}
	}
}

func TestAServiceThatDoesNotAnswerHoldsRequestsNoLongerThanTheTimeout(t *testing.T) {
	asked, release := make(chan struct{}, 2), make(chan struct{})
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	steps, _ := compiled(t, s.URL, func(c *Config) { c.Timeout = conf.Dur(50 * time.Millisecond) })
	x := asked7()
	begin := time.Now()
	v := steps[0].Request.Request(x)
	<-asked
	if took := time.Since(begin); v.Fault != unavailable || took < 50*time.Millisecond || took > 5*time.Second {
		t.Errorf("got %+v after %v", v, took)
	}
	if x.Cause == nil || !strings.Contains(x.Cause.Error(), "timeout") {
		t.Errorf("the cause is %v", x.Cause)
	}
}

func TestRepeatedAndOddFieldsAreSentAsTheyAre(t *testing.T) {
	s := newService(t, says(200, ""))
	steps, _ := compiled(t, s.URL, func(c *Config) { c.RequestHeaders = []string{"x-tenant", "Cookie"} })
	testkit.Policy(t, steps, "GET http://h.example/a//b?%41 HTTP/1.1\nHost: h.example\nX-Tenant: a\nx-tenant: b\nAuthorization: no\n\n", answer)
	if want := "X-Forwarded-Uri: /a//b?%41\nX-Tenant: a | b"; !strings.HasSuffix(s.asked[0], want) || strings.Contains(s.asked[0], "Authorization") {
		t.Errorf("asked %q, want it to end in %q", s.asked[0], want)
	}
}

func TestFieldsThatCantBeSentOnAreAFailure(t *testing.T) {
	p := &asker{host: "h", copied: []copied{{key: "X-User", claim: "x-user"}}}
	if _, err := p.read(response(200, "X-User", "a\x00b")); !errors.Is(err, errBadField) {
		t.Errorf("got %v", err)
	}
}

func TestObserveAsksAndChangesNothing(t *testing.T) {
	s := newService(t, says(200, "", "X-User", "ann"))
	steps, _ := compiled(t, s.URL, func(c *Config) { c.Mode = conf.Observe })
	r := testkit.Policy(t, steps, request, answer)
	if !strings.Contains(r.Request, "Authorization: Bearer abc\n") || !strings.Contains(r.Request, "X-User: forged\n") || r.Consumer != "ann" {
		t.Errorf("the endpoint gets %q, consumer %q", r.Request, r.Consumer)
	}
	if len(steps) != 1 || steps[0].Mode != http7.Observe || steps[0].Response != nil || steps[0].Sets != nil {
		t.Errorf("steps %+v", steps)
	}
	s.answer = says(403, "")
	if v := steps[0].Request.Request(asked7()); v.Fault == nil || v.Fault.Name != "forward_auth_forbidden" {
		t.Errorf("got %+v", v)
	}
}

func TestOffIsNoStepAndACheckOpensNothing(t *testing.T) {
	c := configured("http://auth.internal", func(c *Config) { c.Mode = conf.ModeOff })
	if steps, err := Compile(c, "edge", nil); steps != nil || err != nil {
		t.Errorf("got %v, %v", steps, err)
	}
	c.Mode = conf.Enforce
	if steps, err := Compile(c, "edge", nil); len(steps) != 2 || err != nil {
		t.Errorf("got %v, %v", steps, err)
	}
	c.URL = "ftp://x"
	if _, err := Compile(c, "edge", nil); err == nil {
		t.Error("a config that is wrong is compiled")
	}
}

func TestTheStepsSayWhatTheyDo(t *testing.T) {
	steps, _ := compiled(t, "http://127.0.0.1:1", nil)
	asks, tells := steps[0], steps[1]
	if asks.Stage != http7.Identify || !asks.Blocks || !asks.Establishes || asks.Bundle != "edge" || asks.Name != "edge.forward_auth" {
		t.Errorf("got %+v", asks)
	}
	want := []http7.Edit{{Name: "x-user"}, {Name: "x-team"}, {Name: "authorization", Fixed: true}}
	if tells.Stage != http7.Rewrite || !slices.Equal(tells.Sets, []string{"X-User", "X-Team"}) || !slices.Equal(tells.Edits, want) {
		t.Errorf("got %+v", tells)
	}
}

// asked returns a request with the fields of request.
func asked(method, target string) *http7.Exchange {
	x := &http7.Exchange{Conn: &http7.Conn{Listener: "web"}, Client: netip.MustParseAddr("192.0.2.7"), Method: []byte(method), Authority: []byte("h")}
	path, query, found := strings.Cut(target, "?")
	if x.Path = []byte(path); found {
		x.Query = []byte(query)
	}
	x.Request.AddRaw([]byte("Authorization"), []byte("Bearer abc"))
	return x
}

func asked7() *http7.Exchange { return asked("GET", "/orders/7") }

func TestADryRunAsksNobody(t *testing.T) {
	s := newService(t, says(200, "", "X-User", "ann"))
	steps, _ := compiled(t, s.URL, cached)
	x := asked7()
	x.Dry = true
	v := steps[0].Request.Request(x)
	want := "edge.forward_auth:unknown: would ask " + strings.TrimPrefix(s.URL, "http://")
	if v.Act != http7.Go || s.calls() != 0 || !slices.Equal(x.Verdicts, []string{want}) || x.Identified() {
		t.Errorf("got %+v, %d calls, remarks %q, want %q", v, s.calls(), x.Verdicts, want)
	}
	steps[0].Request.Request(asked7()) // fills the memory
	x = asked7()
	x.Dry = true
	if v := steps[0].Request.Request(x); v.Act != http7.Go || s.calls() != 1 || x.Consumer != "ann" {
		t.Errorf("from memory: got %+v, %d calls, consumer %q", v, s.calls(), x.Consumer)
	}
}

func TestOfARecordedRequestTheLogSaysWhoItWas(t *testing.T) {
	s := newService(t, says(403, ""))
	steps, _ := compiled(t, s.URL, nil)
	x := &http7.Exchange{Dry: true, Recorded: &http7.Recorded{}, Consumer: "ann"}
	if v := steps[0].Request.Request(x); v.Act != http7.Go || !x.Identified() || x.Consumer != "ann" || s.calls() != 0 {
		t.Errorf("got %+v, identified %v", v, x.Identified())
	}
	x = &http7.Exchange{Dry: true, Recorded: &http7.Recorded{}}
	if v := steps[0].Request.Request(x); v.Act != http7.Go || x.Identified() || len(x.Verdicts) != 1 {
		t.Errorf("got %+v, identified %v, remarks %q", v, x.Identified(), x.Verdicts)
	}
}

// TestAGRPCClientGetsAnAnswerOfItsOwn: it reads neither redirects nor pages.
func TestAGRPCClientGetsAnAnswerOfItsOwn(t *testing.T) {
	s := newService(t, says(302, "", "Location", "https://id.example.com/"))
	steps, _ := compiled(t, s.URL, nil)
	r := testkit.Policy(t, steps, "POST /a.B/C HTTP/1.1\nHost: h\nContent-Type: application/grpc\n\n", answer)
	if r.Status != 200 || !strings.Contains(r.Answer, "grpc-status: 16\n") || strings.Contains(r.Answer, "Location") {
		t.Errorf("got %d %q", r.Status, r.Answer)
	}
}

func TestToHEADTheLengthIsToldAndNoBodyGiven(t *testing.T) {
	s := newService(t, says(403, "no way"))
	steps, _ := compiled(t, s.URL, nil)
	x := asked("HEAD", "/")
	v := steps[0].Request.Request(x)
	http7.FaultAnswer(x, v.Fault)
	steps[1].Response.Response(x)
	if chunk, state, _ := x.Answer.Source.Next(); len(chunk) != 0 || state != http7.End || x.Answer.Length != 6 {
		t.Errorf("got %q, length %d", chunk, x.Answer.Length)
	}
}

// TestAnotherPolicysRefusalIsNotReplaced: the service said no, and somebody before it had refused already.
func TestAnotherPolicysRefusalIsNotReplaced(t *testing.T) {
	s := newService(t, says(302, "", "Location", "https://id.example.com/"))
	steps, _ := compiled(t, s.URL, nil)
	x := asked7()
	steps[0].Request.Request(x)
	http7.FaultAnswer(x, http7.BodyTooLarge)
	steps[1].Response.Response(x)
	if x.Answer.Status != 413 {
		t.Errorf("got %d", x.Answer.Status)
	}
}
