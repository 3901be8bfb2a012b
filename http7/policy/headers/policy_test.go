package headers_test

import (
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/headers"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/config"
	"weir/internal/testkit"
)

const (
	request = "GET / HTTP/1.1\nHost: h\nX-Internal: 1\nCookie: a=b\nx-INTERNAL: 2\nX-Edge: no\nVia: 1.1 p\n\n"
	answer  = "HTTP/1.1 200 OK\nServer: nginx\nSet-Cookie: a=1\nVary: Cookie\nSet-Cookie: b=2\nContent-Length: 0\n\n"
)

// compile is Compile of a config that is right.
func compile(t testing.TB, c headers.Config) []http7.Step {
	t.Helper()
	steps, err := headers.Compile(&c, "edge")
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

type section = headers.SectionConfig

func TestEditsOfRequests(t *testing.T) {
	for _, c := range []struct {
		what string
		s    section
		want string
	}{
		{"set replaces in place, whatever the case", section{Set: map[string]string{"x-edge": "weir"}},
			"Host: h\nX-Internal: 1\nCookie: a=b\nx-INTERNAL: 2\nx-edge: weir\nVia: 1.1 p\n"},
		{"set of several leaves one", section{Set: map[string]string{"X-Internal": "3"}},
			"Host: h\nX-Internal: 3\nCookie: a=b\nX-Edge: no\nVia: 1.1 p\n"},
		{"set appends, in the order of names", section{Set: map[string]string{"X-B": "2", "X-A": ""}},
			"Host: h\nX-Internal: 1\nCookie: a=b\nx-INTERNAL: 2\nX-Edge: no\nVia: 1.1 p\nX-A: \nX-B: 2\n"},
		{"add goes behind", section{Add: map[string][]string{"X-Edge": {"a", "b"}}},
			"Host: h\nX-Internal: 1\nCookie: a=b\nx-INTERNAL: 2\nX-Edge: no\nVia: 1.1 p\nX-Edge: a\nX-Edge: b\n"},
		{"remove drops all", section{Remove: []string{"X-Internal", "via", "X-Missing"}},
			"Host: h\nCookie: a=b\nX-Edge: no\n"},
		{"remove, then set, then add", section{Remove: []string{"X-Edge"}, Set: map[string]string{"X-Edge": "1"}, Add: map[string][]string{"X-Edge": {"2"}}},
			"Host: h\nX-Internal: 1\nCookie: a=b\nx-INTERNAL: 2\nVia: 1.1 p\nX-Edge: 1\nX-Edge: 2\n"},
	} {
		r := testkit.Policy(t, compile(t, headers.Config{Request: &c.s}), request, answer)
		if r.Request != c.want {
			t.Errorf("%s: got %q, want %q", c.what, r.Request, c.want)
		}
		if len(r.Remarks) != 0 || !strings.HasPrefix(r.Answer, "Server: nginx\n") {
			t.Errorf("%s: remarks %q, answer %q", c.what, r.Remarks, r.Answer)
		}
	}
}

func TestEditsOfAnswersAndTheirCookiesSurvive(t *testing.T) {
	s := section{Set: map[string]string{"X-Frame-Options": "DENY"}, Add: map[string][]string{"Vary": {"Origin"}}, Remove: []string{"server"}}
	r := testkit.Policy(t, compile(t, headers.Config{Response: &s}), request, answer)
	want := "Set-Cookie: a=1\nVary: Cookie\nSet-Cookie: b=2\nContent-Length: 0\nX-Frame-Options: DENY\nVary: Origin\n"
	if r.Answer != want {
		t.Errorf("got %q, want %q", r.Answer, want)
	}
}

func TestAnswersOfWeirAreEditedToo(t *testing.T) {
	s := section{Set: map[string]string{"X-Edge": "weir"}, Remove: []string{"Proxy-Status"}}
	steps := append(compile(t, headers.Config{Response: &s}), http7.Step{Name: "no", Request: refuser{}})
	r := testkit.Policy(t, steps, request, answer)
	if want := "Content-Type: application/problem+json\nX-Edge: weir\n"; r.Status != 404 || r.Answer != want {
		t.Errorf("got %d %q, want 404 %q", r.Status, r.Answer, want)
	}
}

type refuser struct{}

func (refuser) Request(*http7.Exchange) http7.Verdict { return http7.Refuse(http7.NoRoute) }

func TestObserveSaysWhatWouldChangeAndChangesNothing(t *testing.T) {
	req := section{Mode: conf.Observe, Remove: []string{"X-Internal", "X-Missing"}, Set: map[string]string{"X-Edge": "weir", "Via": "1.1 p"}}
	resp := section{Mode: conf.Observe, Add: map[string][]string{"Vary": {"Origin"}}, Set: map[string]string{"Set-Cookie": "a=1"}}
	r := testkit.Policy(t, compile(t, headers.Config{Request: &req, Response: &resp}), request, answer)
	want := []string{
		"edge.headers.request:would remove X-Internal", // X-Missing is not there, Via has its value
		"edge.headers.request:would set X-Edge",
		"edge.headers.response:would set Set-Cookie", // two are there
		"edge.headers.response:would add Vary",
	}
	if !slices.Equal(r.Remarks, want) {
		t.Errorf("got %q, want %q", r.Remarks, want)
	}
	plain := testkit.Policy(t, nil, request, answer)
	if r.Request != plain.Request || r.Answer != plain.Answer {
		t.Errorf("changed: %q, %q", r.Request, r.Answer)
	}
}

func TestValuesAreMadeOfTheRequest(t *testing.T) {
	const request = "GET /a/b?c=d%20e HTTP/1.1\nHost: API.example:80\nX-User: spoofed\nX-Tenant: acme\nCookie: uid=7\n\n"
	const rest = "Host: API.example:80\nX-User: spoofed\nX-Tenant: acme\nCookie: uid=7\n"
	for _, c := range []struct {
		what string
		s    section
		want string
	}{
		{"set", section{Set: map[string]string{"X-A": "{client} {host}{path}?{query} {listener}"}}, rest + "X-A: 192.0.2.7 api.example/a/b?c=d%20e web\n"},
		{"add", section{Add: map[string][]string{"X-A": {"{query.c}", "fixed", "<{cookie.uid}>"}}}, rest + "X-A: d e\nX-A: fixed\nX-A: <7>\n"},
		{"set, and nothing is left", section{Set: map[string]string{"X-User": "{jwt.sub}"}}, strings.Replace(rest, "X-User: spoofed\n", "", 1)},
		{"add, and nothing is left", section{Add: map[string][]string{"X-User": {"{jwt.sub}", " {claim.x}{consumer}"[1:]}}}, rest},
		{"a fixed value may be empty", section{Set: map[string]string{"X-User": ""}}, strings.Replace(rest, "spoofed", "", 1)},
		{"blanks at the ends go", section{Set: map[string]string{"X-A": "a {header.X-None}"}}, rest + "X-A: a\n"},
		{"a field that goes is read before", section{Set: map[string]string{"X-A": "{header.x-tenant}"}, Add: map[string][]string{"X-B": {"{header.x-a}"}}},
			rest + "X-A: acme\nX-B: acme\n"},
		{"braces", section{Set: map[string]string{"X-A": "{{client} { {\"a\":1}"}}, rest + "X-A: {client} { {\"a\":1}\n"},
	} {
		r := testkit.Policy(t, compile(t, headers.Config{Request: &c.s}), request, answer)
		if r.Request != c.want {
			t.Errorf("%s: got %q, want %q", c.what, r.Request, c.want)
		}
	}
}

func TestAnswersAreToldOfTheRequest(t *testing.T) {
	s := section{Set: map[string]string{"Server": "{host}", "X-Id": "{request_id}"}, Add: map[string][]string{"Link": {"<{path}>; rel=canonical"}}}
	steps := append([]http7.Step{{Name: "id", Request: identifier{}}}, compile(t, headers.Config{Response: &s})...)
	r := testkit.Policy(t, steps, request, answer)
	want := "Server: h\nSet-Cookie: a=1\nVary: Cookie\nSet-Cookie: b=2\nContent-Length: 0\nX-Id: id-1\nLink: </>; rel=canonical\n"
	if r.Answer != want {
		t.Errorf("got %q, want %q", r.Answer, want)
	}
}

// identifier is what identify and request_id leave.
type identifier struct{}

func (identifier) Request(x *http7.Exchange) http7.Verdict {
	x.RequestID = []byte("id-1")
	x.Claims = append(x.Claims, http7.Claim{Name: "sub", Value: []byte("alice")})
	return http7.Continue
}

func TestAnIdentityIsToldInPlaceOfWhatTheClientSays(t *testing.T) {
	s := section{Set: map[string]string{"X-Internal": "{jwt.sub}"}}
	steps := append([]http7.Step{{Name: "id", Request: identifier{}}}, compile(t, headers.Config{Request: &s})...)
	if r, want := testkit.Policy(t, steps, request, answer), "Host: h\nX-Internal: alice\nCookie: a=b\nX-Edge: no\nVia: 1.1 p\n"; r.Request != want {
		t.Errorf("got %q, want %q", r.Request, want)
	}
}

func TestWhatTheHeaderMayNotSayTheTrailerMayNot(t *testing.T) {
	s := section{Set: map[string]string{"X-User": "{jwt.sub}"}, Add: map[string][]string{"X-More": {"1"}}, Remove: []string{"X-Internal"}}
	steps := compile(t, headers.Config{Request: &s, Response: &s})
	var x http7.Exchange
	var theirs http7.Header // an answer's
	for _, h := range []*http7.Header{&x.Trailer, &theirs} {
		for _, name := range []string{"x-user", "X-More", "X-INTERNAL", "Checksum"} {
			h.AddRaw([]byte(name), []byte("1"))
		}
		steps[0].Trailer.Trailer(&x, h)
	}
	if got, want := string(x.Trailer.AppendLines(nil, 0)), "X-More: 1\r\nChecksum: 1\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if theirs.Len() != 4 || steps[1].Trailer != nil {
		t.Errorf("the endpoint's trailer has %d fields left", theirs.Len())
	}
}

func TestNoClientPutsALineIntoAHeader(t *testing.T) {
	s := section{Set: map[string]string{"X-A": "<{query.q}>"}}
	r := testkit.Policy(t, compile(t, headers.Config{Request: &s}), "GET /?q=a%0D%0AX-Evil:%201%00%7F HTTP/1.1\nHost: h\n\n", "")
	if want := "Host: h\nX-A: <a  X-Evil: 1  >\n"; r.Request != want {
		t.Errorf("got %q, want %q", r.Request, want)
	}
}

func TestARecordThatLacksAFieldLeavesNoRemark(t *testing.T) {
	s := section{Mode: conf.Observe, Remove: []string{"X-Internal"}, Set: map[string]string{"X-A": "{header.X-B}{cookie.c}"}, Add: map[string][]string{"X-C": {"{header.x-b}", "1"}}}
	step := compile(t, headers.Config{Request: &s})[0]
	if want := []string{"header:x-internal", "header:x-a", "header:x-b", "cookie:c"}; !slices.Equal(step.Reads, want) {
		t.Errorf("reads %q, want %q", step.Reads, want)
	}
	x := &http7.Exchange{Dry: true, Recorded: &http7.Recorded{Fields: map[string]bool{"header:x-internal": true, "cookie:c": true}}}
	step.Request.Request(x)
	if want := []string{"header:x-a", "header:x-b", "header:x-b"}; !slices.Equal(x.Recorded.Missed, want) {
		t.Errorf("missed %q, want %q", x.Recorded.Missed, want)
	}
	if want := []string{"edge.headers.request:would add X-C"}; !slices.Equal(x.Verdicts, want) {
		t.Errorf("remarks %q, want %q", x.Verdicts, want)
	}
	if on := compile(t, headers.Config{Request: &section{Remove: []string{"A"}}})[0]; on.Reads != nil {
		t.Errorf("enforced it reads %q: no verdict depends on them", on.Reads)
	}
}

func TestObserveKnowsWhatVariablesWouldMake(t *testing.T) {
	s := section{Mode: conf.Observe, Add: map[string][]string{"X-None": {"{jwt.sub}"}, "X-Some": {"{client}"}},
		Set: map[string]string{"X-Edge": "{jwt.sub}", "X-Missing": "{jwt.sub}", "Via": "1.1 {header.none}p", "Cookie": "{path}"}}
	r := testkit.Policy(t, compile(t, headers.Config{Request: &s}), request, answer)
	want := []string{ // X-Edge would go; X-Missing is not there, Via has its value, nothing is left of X-None
		"edge.headers.request:would set Cookie", "edge.headers.request:would set X-Edge", "edge.headers.request:would add X-Some",
	}
	if !slices.Equal(r.Remarks, want) {
		t.Errorf("got %q, want %q", r.Remarks, want)
	}
}

func TestUnknownVariablesAreConfigErrors(t *testing.T) {
	for _, s := range []section{{Set: map[string]string{"X-A": "{clinet}"}}, {Add: map[string][]string{"X-A": {"fixed", "{clinet}"}}}} {
		for _, c := range []headers.Config{{Request: &s}, {Response: &s}} {
			p := conf.NewProblems()
			c.Check(p)
			if l := p.List(); len(l) != 1 || !strings.Contains(l[0].Text, "clinet") || !strings.Contains(l[0].Hint, "{client}") || l[0].Path[2] != "X-A" {
				t.Errorf("%+v: got %+v", s, p.List())
			}
			if steps, err := headers.Compile(&c, "edge"); err == nil || steps != nil {
				t.Errorf("%+v is compiled", s)
			}
		}
	}
}

func TestStepsHaveTheirStagesAndOffMakesNone(t *testing.T) {
	off := &section{Mode: conf.ModeOff, Remove: []string{"A"}}
	on := &section{Remove: []string{"A"}}
	for _, c := range []struct {
		what string
		cfg  headers.Config
		want string
	}{
		{"absent", headers.Default(), ""},
		{"off", headers.Config{Request: off, Response: off}, ""},
		{"empty", headers.Config{Request: &section{}}, ""},
		{"both", headers.Config{Request: on, Response: on}, "edge.headers.request rewrite|edge.headers.response present|"},
		{"one", headers.Config{Request: off, Response: on}, "edge.headers.response present|"},
	} {
		got := ""
		for _, s := range compile(t, c.cfg) {
			got += s.Name + " " + s.Stage.String() + "|"
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestFramingFieldsAndWhatIsNoFieldAreRefused(t *testing.T) {
	set := func(name, value string) section { return section{Set: map[string]string{name: value}} }
	for _, s := range []section{
		set("Content-Length", "1"), set("content-length", "1"), set("Transfer-Encoding", "chunked"), set("Connection", "close"),
		set("Host", "h"), set("TE", "trailers"), set("Upgrade", "x"), set("Keep-Alive", "1"), set("Trailer", "x"), set("Expect", "100-continue"),
		set("HTTP2-Settings", "x"), set("Proxy-Connection", "x"), {Remove: []string{"Content-Length"}}, {Add: map[string][]string{"Connection": {"x"}}},
		set("", "v"), set("a b", "v"), set("a:", "v"), set("ä", "v"), set("X", "a\r\nb"), set("X", "a\x00"), set("X", " a"), set("X", "a\t"), set("X", "\x7f"),
	} {
		for _, c := range []headers.Config{{Request: &s}, {Response: &s}} {
			if steps, err := headers.Compile(&c, "edge"); err == nil || steps != nil {
				t.Errorf("%+v is compiled", s)
			}
		}
	}
}

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []func(t *testing.T, c *config.Config){
		func(t *testing.T, c *config.Config) {
			r := testkit.Policy(t, compile(t, c.Policies["edge"].Headers), request, answer)
			if want := "Host: h\nCookie: a=b\nX-Edge: weir\nVia: 1.1 p\n"; r.Request != want {
				t.Errorf("got %q, want %q", r.Request, want)
			}
		},
		func(t *testing.T, c *config.Config) {
			r := testkit.Policy(t, compile(t, c.Policies["hardened"].Headers), request, answer)
			want := []string{"edge.headers.response:would remove Server", "edge.headers.response:would set Strict-Transport-Security",
				"edge.headers.response:would add Vary", "edge.headers.response:would add Vary"}
			if !slices.Equal(r.Remarks, want) {
				t.Errorf("got %q, want %q", r.Remarks, want)
			}
		},
		func(t *testing.T, c *config.Config) {
			steps := append([]http7.Step{{Name: "id", Request: identifier{}}}, compile(t, c.Policies["identity"].Headers)...)
			r := testkit.Policy(t, steps, "GET /a HTTP/1.1\nHost: h\nX-User: root\nX-Order: 1\n\n", "")
			if want := "Host: h\nX-User: alice\nX-Asked: GET http://h/a\n"; r.Request != want { // no route has captured an id
				t.Errorf("got %q, want %q", r.Request, want)
			}
		},
	}
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{}) {
		wants[i](t, c)
	}
}

func edited() (*http7.Exchange, headers.Config) {
	x := &http7.Exchange{}
	x.LocalAnswer(200)
	return x, headers.Config{
		Request:  &section{Set: map[string]string{"X-Edge": "weir"}, Add: map[string][]string{"X-More": {"1"}}, Remove: []string{"X-Internal"}},
		Response: &section{Set: map[string]string{"Strict-Transport-Security": "max-age=31536000"}, Remove: []string{"Server"}},
	}
}

// pass resets x's heads to what came in and runs both steps.
func pass(x *http7.Exchange, steps []http7.Step) {
	x.Request.Reset(lines)
	x.Request.AddLine(0, 1, 3, 1, 6)
	x.Request.AddLine(6, 10, 18, 1, 21)
	x.Answer.Header.Reset(lines)
	x.Answer.Header.AddLine(21, 6, 29, 1, 32)
	steps[0].Request.Request(x)
	steps[1].Response.Response(x)
}

var lines = []byte("A: 1\r\nX-Internal: 1\r\nServer: s\r\n")

func TestMakingValuesAllocatesNothing(t *testing.T) {
	x, c := templated()
	steps := compile(t, c)
	long := []byte("/?" + strings.Repeat("q", 5000))
	made := func() {
		x.Release()
		x.LocalAnswer(200)
		x.Method, x.Target, x.Path, x.Query = long[:1], long, long[:1], long[2:]
		pass(x, steps)
	}
	made()
	if n := testing.AllocsPerRun(1000, made); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
	if got := string(x.Request.AppendLines(nil, 0)); !strings.HasSuffix(got, "qqq on web\r\n") {
		t.Fatalf("got %q", got)
	}
}

// templated are edits whose values are made of the request.
func templated() (*http7.Exchange, headers.Config) {
	x, _ := edited()
	x.Conn = &http7.Conn{Listener: "web"}
	return x, headers.Config{
		Request:  &section{Set: map[string]string{"X-A": "{header.a} {client}", "X-B": "{query} on {listener}"}, Remove: []string{"X-Internal"}},
		Response: &section{Set: map[string]string{"Server": "{method} {path}"}},
	}
}

func TestEditingAllocatesNothing(t *testing.T) {
	x, c := edited()
	steps := compile(t, c)
	if n := testing.AllocsPerRun(1000, func() { pass(x, steps) }); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
	if x.Request.Len() != 3 || x.Answer.Header.Len() != 1 {
		t.Fatalf("%d and %d fields", x.Request.Len(), x.Answer.Header.Len())
	}
}

func BenchmarkEdit(b *testing.B) {
	for what, make := range map[string]func() (*http7.Exchange, headers.Config){"fixed": edited, "made": templated} {
		b.Run(what, func(b *testing.B) {
			x, c := make()
			steps := compile(b, c)
			b.ReportAllocs()
			for b.Loop() {
				x.Release()
				x.LocalAnswer(200)
				pass(x, steps)
			}
		})
	}
}
