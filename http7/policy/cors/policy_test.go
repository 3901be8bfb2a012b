package cors_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/cors"
	"weir/internal/conf"
	"weir/internal/testkit"
)

// site is a config with the defaults and one origin, changed as a test says.
func site(change func(*cors.Config)) *cors.Config {
	c := cors.Default()
	c.Origins = []string{"https://app.example.com"}
	if change != nil {
		change(&c)
	}
	return &c
}

// compile is Compile of a config that is right.
func compile(t testing.TB, c *cors.Config) []http7.Step {
	t.Helper()
	steps, err := cors.Compile(c, "edge")
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// either asks a step as the hall does: its Preflight about a preflight, and about everything else its
// Request.
type either struct{ preflight, request http7.Policy }

func (e either) Request(x *http7.Exchange) http7.Verdict {
	name, _ := http7.NewName("Access-Control-Request-Method")
	method, asked := x.Request.First(name)
	if string(x.Method) != "OPTIONS" || !asked || !x.Request.Has(http7.Origin) {
		return e.request.Request(x)
	}
	x.Preflight = append([]byte(nil), method...)
	return e.preflight.Request(x)
}

// pass runs the steps over a request as the hall does.
func pass(t testing.TB, steps []http7.Step, request, answer string) testkit.Result {
	t.Helper()
	steps = slices.Clone(steps)
	for i := range steps {
		if s := &steps[i]; s.Preflight != nil {
			s.Request = either{s.Preflight, s.Request}
		}
	}
	return testkit.Policy(t, steps, request, answer)
}

// preflight is one of a script of app.example.com that wants to PUT, with further fields.
func preflight(fields string) string {
	return "OPTIONS /a HTTP/1.1\nHost: api\nOrigin: https://app.example.com\nAccess-Control-Request-Method: PUT\n" + fields + "\n"
}

// get is a request with the given fields.
func get(fields string) string { return "GET /a HTTP/1.1\nHost: api\n" + fields + "\n" }

const (
	answer     = "HTTP/1.1 200 OK\nServer: s\nContent-Length: 0\n\n"
	fromApp    = "Origin: https://app.example.com\n"
	fromEvil   = "Origin: https://evil.example\n"
	variesAll  = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network\n"
	standard   = "Access-Control-Allow-Methods: GET, HEAD, POST\nAccess-Control-Allow-Headers: Content-Type\nAccess-Control-Max-Age: 3600\n"
	allowsApp  = "Access-Control-Allow-Origin: https://app.example.com\n"
	allowsAll  = "Access-Control-Allow-Origin: *\n"
	credential = "Access-Control-Allow-Credentials: true\n"
)

func TestPreflightsOfAllowedOriginsAreAnswered(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*cors.Config)
		fields string
		want   string
	}{
		{"the defaults", nil, "", allowsApp + standard + variesAll},
		{"everybody", func(c *cors.Config) { c.Origins = []string{"*"} }, "", allowsAll + standard + variesAll},
		{"credentials", func(c *cors.Config) { c.Credentials = true }, "", allowsApp + credential + standard + variesAll},
		{"lists", func(c *cors.Config) {
			c.Methods, c.Headers, c.MaxAge = []string{"PUT", "DELETE"}, []string{"X-A", "X-B"}, conf.Dur(10*time.Minute)
		}, "Access-Control-Request-Headers: x-c\n",
			allowsApp + "Access-Control-Allow-Methods: PUT, DELETE\nAccess-Control-Allow-Headers: X-A, X-B\nAccess-Control-Max-Age: 600\n" + variesAll},
		{"nothing but what needs no leave", func(c *cors.Config) { c.Methods, c.Headers, c.MaxAge = nil, nil, conf.OffDuration }, "",
			allowsApp + "Access-Control-Max-Age: 0\n" + variesAll},
		{"any method and field", func(c *cors.Config) { c.Methods, c.Headers = []string{"*"}, []string{"*"} }, "Access-Control-Request-Headers: x-c\n",
			allowsApp + "Access-Control-Allow-Methods: *\nAccess-Control-Allow-Headers: *, Authorization\nAccess-Control-Max-Age: 3600\n" + variesAll},
		{"any method and field with credentials", func(c *cors.Config) {
			c.Methods, c.Headers, c.Credentials = []string{"*"}, []string{"*"}, true
		}, "Access-Control-Request-Headers: authorization,x-c\n",
			allowsApp + credential + "Access-Control-Allow-Methods: PUT\nAccess-Control-Allow-Headers: authorization,x-c\nAccess-Control-Max-Age: 3600\n" + variesAll},
		{"any field with credentials, none asked for", func(c *cors.Config) { c.Headers, c.Credentials = []string{"*"}, true }, "",
			allowsApp + credential + "Access-Control-Allow-Methods: GET, HEAD, POST\nAccess-Control-Max-Age: 3600\n" + variesAll},
		{"what is exposed is not for preflights", func(c *cors.Config) { c.Expose = []string{"X-Total"} }, "", allowsApp + standard + variesAll},
		{"a private network", func(c *cors.Config) { c.PrivateNetwork = true }, "Access-Control-Request-Private-Network: true\n",
			allowsApp + standard + "Access-Control-Allow-Private-Network: true\n" + variesAll},
		{"a private network that nobody asks for", func(c *cors.Config) { c.PrivateNetwork = true }, "", allowsApp + standard + variesAll},
		{"a private network that is not allowed", nil, "Access-Control-Request-Private-Network: true\n", allowsApp + standard + variesAll},
	} {
		r := pass(t, compile(t, site(c.change)), preflight(c.fields), answer)
		if r.Status != 204 || r.Answer != c.want || r.Body != "" {
			t.Errorf("%s: got %d\n%s%q, want 204\n%s", c.what, r.Status, r.Answer, r.Body, c.want)
		}
		if want := []string{"edge.cors: reply", "edge.cors: go"}; !slices.Equal(r.Verdicts, want) || len(r.Remarks) != 0 {
			t.Errorf("%s: verdicts %q, want %q; remarks %q", c.what, r.Verdicts, want, r.Remarks)
		}
	}
}

func TestWhatIsAskedForGoesBackOnlyIfItIsAList(t *testing.T) {
	any := func(c *cors.Config) { c.Methods, c.Headers, c.Credentials = []string{"*"}, []string{"*"}, true }
	for _, fields := range []string{
		"Access-Control-Request-Headers: a b\n", "Access-Control-Request-Headers: a,,b\n", "Access-Control-Request-Headers: a:b\n",
		"Access-Control-Request-Headers:\n", "Access-Control-Request-Headers: a\nAccess-Control-Request-Headers: b\n",
	} {
		r := pass(t, compile(t, site(any)), preflight(fields), answer)
		if strings.Contains(r.Answer, "Allow-Headers") || r.Status != 204 {
			t.Errorf("%q: got %d\n%s", fields, r.Status, r.Answer)
		}
	}
}

func TestPreflightsOfOtherOriginsAreRefused(t *testing.T) {
	for _, origin := range []string{
		"https://evil.example", "http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil", "null", "https://APP.example.com",
		"https://app.example.com/", "https://app.example.com https://evil.example", "*", "",
	} {
		request := strings.Replace(preflight(""), "https://app.example.com", origin, 1)
		r := pass(t, compile(t, site(nil)), request, answer)
		want := "Content-Type: application/problem+json\nProxy-Status: weir; error=http_request_denied\n" + variesAll
		if r.Status != 403 || r.Answer != want || !strings.Contains(r.Body, `"fault":"cors_refused"`) {
			t.Errorf("%s: got %d\n%s%s", origin, r.Status, r.Answer, r.Body)
		}
		if want := []string{"edge.cors: reply cors_refused", "edge.cors: go"}; !slices.Equal(r.Verdicts, want) {
			t.Errorf("%s: verdicts %q", origin, r.Verdicts)
		}
	}
	two := strings.Replace(preflight(""), "Access-", fromApp+"Access-", 1)
	if r := pass(t, compile(t, site(nil)), two, answer); r.Status != 403 {
		t.Errorf("two origins: got %d", r.Status)
	}
}

func TestAnswersCarryWhatScriptsMayDo(t *testing.T) {
	exposing := func(c *cors.Config) { c.Expose = []string{"X-Total", "ETag"} }
	const rest = "Server: s\nContent-Length: 0\n"
	for _, c := range []struct {
		what    string
		change  func(*cors.Config)
		request string
		want    string
	}{
		{"an allowed origin", nil, get(fromApp), rest + allowsApp + "Vary: Origin\n"},
		{"another one gets the answer and no field", exposing, get(fromEvil), rest + "Vary: Origin\n"},
		{"no origin: a cache must know", exposing, get(""), rest + "Vary: Origin\n"},
		{"two origins are nobody's", nil, get(fromApp + fromApp), rest + "Vary: Origin\n"},
		{"with credentials", func(c *cors.Config) { c.Credentials = true }, get(fromApp), rest + allowsApp + credential + "Vary: Origin\n"},
		{"others get no credentials either", func(c *cors.Config) { c.Credentials = true }, get(fromEvil), rest + "Vary: Origin\n"},
		{"fields are exposed", exposing, get(fromApp), rest + allowsApp + "Access-Control-Expose-Headers: X-Total, ETag\nVary: Origin\n"},
		{"all fields are exposed", func(c *cors.Config) { c.Expose = []string{"*"} }, get(fromApp), rest + allowsApp + "Access-Control-Expose-Headers: *\nVary: Origin\n"},
		{"everybody, the same for all", func(c *cors.Config) { c.Origins, c.Expose = []string{"*"}, []string{"X-Total"} }, get(fromEvil),
			rest + allowsAll + "Access-Control-Expose-Headers: X-Total\n"},
		{"everybody, without an origin", func(c *cors.Config) { c.Origins = []string{"*"} }, get(""), rest + allowsAll},
		{"documents without an origin", func(c *cors.Config) { c.Origins = []string{"null"} }, get("Origin: null\n"), rest + "Access-Control-Allow-Origin: null\nVary: Origin\n"},
		{"an OPTIONS that is no preflight", nil, "OPTIONS /a HTTP/1.1\nHost: api\n" + fromApp + "\n", rest + allowsApp + "Vary: Origin\n"},
	} {
		r := pass(t, compile(t, site(c.change)), c.request, answer)
		if r.Status != 200 || r.Answer != c.want {
			t.Errorf("%s: got %d\n%s, want 200\n%s", c.what, r.Status, r.Answer, c.want)
		}
	}
}

func TestAPreflightThatNobodyWasAskedAboutIsAnsweredLikeOne(t *testing.T) {
	// It asks for a method of no route, and its OPTIONS is served by an endpoint.
	flown := http7.Step{Name: "flown", Request: preflown{}}
	steps := append([]http7.Step{flown}, http7.Step{Name: "edge.cors", Response: compile(t, site(nil))[0].Response})
	r := testkit.Policy(t, steps, preflight(""), "HTTP/1.1 200 OK\nAccess-Control-Allow-Origin: *\nVary: Origin\n\n")
	if want := "Vary: Origin\n" + allowsApp + standard; r.Status != 200 || r.Answer != want {
		t.Errorf("got %d\n%s, want 200\n%s", r.Status, r.Answer, want)
	}
}

type preflown struct{}

func (preflown) Request(x *http7.Exchange) http7.Verdict {
	x.Preflight = []byte("PUT")
	return http7.Continue
}

func TestTheEndpointsOwnFieldsAreReplaced(t *testing.T) {
	own := "HTTP/1.1 200 OK\nAccess-Control-Allow-Origin: *\nServer: s\naccess-control-allow-ORIGIN: https://evil.example\nAccess-Control-Allow-Credentials: true\n" +
		"Access-Control-Expose-Headers: X-Secret\nAccess-Control-Max-Age: 9\nAccess-Control-Allow-Methods: PUT\nAccess-Control-Allow-Headers: X\nAccess-Control-Allow-Private-Network: true\n" +
		"Access-Control: x\nX-Access-Control-Allow-Origin: y\n\n"
	const rest = "Server: s\nAccess-Control: x\nX-Access-Control-Allow-Origin: y\n"
	for _, c := range []struct{ fields, want string }{
		{fromApp, rest + allowsApp + "Vary: Origin\n"},
		{fromEvil, rest + "Vary: Origin\n"},
		{"", rest + "Vary: Origin\n"},
	} {
		if r := pass(t, compile(t, site(nil)), get(c.fields), own); r.Answer != c.want {
			t.Errorf("%q: got\n%s, want\n%s", c.fields, r.Answer, c.want)
		}
	}
}

func TestVaryNamesOriginOnce(t *testing.T) {
	for _, c := range []struct{ has, want string }{
		{"", "Vary: Origin\n"},
		{"Vary: Accept\n", "Vary: Accept\nVary: Origin\n"},
		{"Vary: X-Origin, Originator\n", "Vary: X-Origin, Originator\nVary: Origin\n"},
		{"Vary: accept ,origin\n", "Vary: accept ,origin\n"},
		{"Vary: Accept\nVary: ORIGIN\n", "Vary: Accept\nVary: ORIGIN\n"},
		{"Vary: *\n", "Vary: *\n"},
	} {
		r := pass(t, compile(t, site(nil)), get(""), "HTTP/1.1 200 OK\n"+c.has+"\n")
		if r.Answer != c.want {
			t.Errorf("%q: got %q, want %q", c.has, r.Answer, c.want)
		}
	}
}

func TestScriptsMayReadWhatWeirItselfAnswers(t *testing.T) {
	steps := append(compile(t, site(nil)), http7.Step{Name: "no", Request: refuser{}})
	r := pass(t, steps, get(fromApp), "")
	want := "Content-Type: application/problem+json\nProxy-Status: weir; error=http_request_denied\n" + allowsApp + "Vary: Origin\n"
	if r.Status != 404 || r.Answer != want {
		t.Errorf("got %d %q, want 404 %q", r.Status, r.Answer, want)
	}
}

type refuser struct{}

func (refuser) Request(*http7.Exchange) http7.Verdict { return http7.Refuse(http7.NoRoute) }

func TestOfTwoTheFirstDecides(t *testing.T) {
	listener := compile(t, site(nil))
	route := compile(t, site(func(c *cors.Config) { c.Origins, c.MaxAge = []string{"*"}, conf.Dur(time.Second) }))
	both := append(slices.Clone(listener), route...)
	for _, request := range []string{preflight(""), get(fromApp), get(fromEvil)} {
		if got, want := pass(t, both, request, answer), pass(t, listener, request, answer); lines(got.Answer) != lines(want.Answer) || got.Status != want.Status {
			t.Errorf("%s: got %d\n%s, want %d\n%s", request, got.Status, got.Answer, want.Status, want.Answer)
		}
	}
}

// lines sorts the lines of a text.
func lines(text string) string {
	l := strings.SplitAfter(text, "\n")
	slices.Sort(l)
	return strings.Join(l, "")
}

func TestWhatTheEndpointIsToldOfTheOriginAllowsNobody(t *testing.T) {
	wild := func(c *cors.Config) { c.Origins = append(c.Origins, "https://*.example.net") }
	for _, c := range []struct{ origin, rewritten, want string }{
		{"https://evil.example", "https://app.example.com", ""},
		{"https://app.example.com", "", "https://app.example.com"},
		{"https://a.b.example.net", "https://evil.example", "https://a.b.example.net"},
		{"", "https://app.example.com", ""},
	} {
		fields, want := "", "Server: s\nContent-Length: 0\n"
		if c.origin != "" {
			fields = "Origin: " + c.origin + "\n"
		}
		if c.want != "" {
			want += "Access-Control-Allow-Origin: " + c.want + "\n"
		}
		steps := append(compile(t, site(wild)), http7.Step{Name: "rewrite", Stage: http7.Rewrite, Request: rewriter(c.rewritten)})
		if r := pass(t, steps, get(fields), answer); r.Answer != want+"Vary: Origin\n" {
			t.Errorf("%q rewritten to %q: got\n%s", c.origin, c.rewritten, r.Answer)
		}
	}
}

// rewriter gives the endpoint another Origin, or none.
type rewriter string

func (r rewriter) Request(x *http7.Exchange) http7.Verdict {
	x.Request.Set(http7.Known(http7.Origin), []byte(r))
	if r == "" {
		x.Request.DelID(http7.Origin)
	}
	return http7.Continue
}

func TestObserveSaysWhatItWouldDoAndDoesNothing(t *testing.T) {
	steps := compile(t, site(func(c *cors.Config) { c.Mode = conf.Observe }))
	own := "HTTP/1.1 200 OK\nAccess-Control-Allow-Origin: *\n\n"
	for _, c := range []struct {
		request string
		want    []string
	}{
		{preflight(""), []string{"edge.cors:would answer the preflight"}},
		{strings.Replace(preflight(""), "app.", "evil.", 1), []string{"edge.cors:would refuse the preflight"}},
		{get(fromApp), []string{"edge.cors:would allow the origin"}},
		{get(fromEvil), []string{"edge.cors:would not allow the origin"}},
		{get("Origin: http://API\n"), nil}, // a page of this very site
		{get("Origin: https://api\n"), []string{"edge.cors:would not allow the origin"}},
		{get(""), nil},
	} {
		r := pass(t, steps, c.request, own)
		if !slices.Equal(r.Remarks, c.want) {
			t.Errorf("%s: got %q, want %q", c.request, r.Remarks, c.want)
		}
		if r.Status != 200 || r.Answer != allowsAll {
			t.Errorf("%s: changed: %d %q", c.request, r.Status, r.Answer)
		}
	}
}

func TestTheSiteByHttpsIsTheSite(t *testing.T) {
	x := &http7.Exchange{Secure: true, Authority: []byte("api")}
	x.LocalAnswer(200)
	x.Request.AddRaw([]byte("Origin"), []byte("https://api"))
	compile(t, site(func(c *cors.Config) { c.Mode = conf.Observe }))[0].Request.Request(x)
	if len(x.Verdicts) != 0 {
		t.Errorf("remarks: %q", x.Verdicts)
	}
}

func TestAnUnknownOriginOfARecordIsMissed(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*cors.Config)
		knows  bool
		missed []string
		act    http7.Act
	}{
		{"not written", nil, false, []string{"header:origin"}, http7.Go},
		{"written", nil, true, nil, http7.Reply},
		{"of no matter", func(c *cors.Config) { c.Origins = []string{"*"} }, false, nil, http7.Reply},
		{"not written, observed", func(c *cors.Config) { c.Mode = conf.Observe }, false, []string{"header:origin"}, http7.Go},
	} {
		x := &http7.Exchange{Dry: true, Preflight: []byte("PUT"), Recorded: &http7.Recorded{Fields: map[string]bool{"header:origin": c.knows}}}
		s := compile(t, site(c.change))[0]
		if v := s.Preflight.Request(x); v.Act != c.act || !slices.Equal(x.Recorded.Missed, c.missed) || len(x.Verdicts) != 0 {
			t.Errorf("%s: got %+v, missed %q, remarks %q", c.what, v, x.Recorded.Missed, x.Verdicts)
		}
		if !slices.Equal(s.Reads, []string{"header:origin", "header:access-control-request-method"}) {
			t.Errorf("reads %q", s.Reads)
		}
	}
}

func TestTheStepAndOffMakesNone(t *testing.T) {
	for _, c := range []struct {
		mode conf.Mode
		want http7.Mode
		n    int
	}{{conf.Enforce, http7.Enforce, 1}, {conf.Observe, http7.Observe, 1}, {conf.ModeOff, 0, 0}} {
		steps := compile(t, site(func(q *cors.Config) { q.Mode = c.mode }))
		if len(steps) != c.n {
			t.Fatalf("%v: %d steps", c.mode, len(steps))
		}
		for _, s := range steps {
			if s.Name != "edge.cors" || s.Stage != http7.Present || s.Mode != c.want || s.Request == nil || s.Preflight == nil || (s.Response != nil) != (c.mode == conf.Enforce) {
				t.Errorf("%v: got %+v", c.mode, s)
			}
		}
	}
}
