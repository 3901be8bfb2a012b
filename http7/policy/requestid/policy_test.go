package requestid_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/requestid"
	"weir/internal/conf"
	"weir/internal/testkit"
)

// compile is Compile of a config that is right.
func compile(t testing.TB, change func(*requestid.Config)) []http7.Step {
	t.Helper()
	c := requestid.Default()
	if change != nil {
		change(&c)
	}
	steps, err := requestid.Compile(&c, "edge")
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

func trusting(c *requestid.Config) { c.Trust = true }

const answer = "HTTP/1.1 200 OK\nX-Request-ID: theirs\nServer: s\n\n"

// head is a request with the given fields, each with its line end.
func head(fields string) string { return "GET / HTTP/1.1\nHost: h\n" + fields + "\n" }

var uuid7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// fixed gives every exchange the same id before the policy asks, so that both runs of a test agree.
type fixed string

func (f fixed) Request(x *http7.Exchange) http7.Verdict {
	x.RequestID = []byte(f)
	return http7.Continue
}

func TestATrustedIdStaysAndGoesBothWays(t *testing.T) {
	r := testkit.Policy(t, compile(t, trusting), head("x-request-id: abc-1\nVia: 1.1 p\n"), answer)
	if want := "Host: h\nX-Request-Id: abc-1\nVia: 1.1 p\n"; r.Request != want {
		t.Errorf("the endpoint gets %q, want %q", r.Request, want)
	}
	if want := "X-Request-Id: abc-1\nServer: s\n"; r.Answer != want {
		t.Errorf("the client gets %q, want %q", r.Answer, want)
	}
	if r.RequestID != "abc-1" || len(r.Remarks) != 0 {
		t.Errorf("id %q, remarks %q", r.RequestID, r.Remarks)
	}
}

func TestWhatIsNotTrustedOrNotValidIsReplaced(t *testing.T) {
	long := strings.Repeat("a", 129)
	for _, c := range []struct {
		what, fields string
		change       func(*requestid.Config)
	}{
		{"none", "", trusting},
		{"not trusted", "X-Request-Id: abc\n", nil},
		{"empty", "X-Request-Id:\n", trusting},
		{"a space", "X-Request-Id: a b\n", trusting},
		{"a tab", "X-Request-Id: a\tb\n", trusting},
		{"beyond ASCII", "X-Request-Id: é\n", trusting},
		{"too long", "X-Request-Id: " + long + "\n", trusting},
		{"two", "X-Request-Id: a\nx-request-id: a\n", trusting},
	} {
		x := exchange(t, head(c.fields))
		run(x, compile(t, c.change))
		if !uuid7.Match(x.RequestID) {
			t.Errorf("%s: the id is %q", c.what, x.RequestID)
		}
		if got, want := fields(&x.Request), "Host: h\nX-Request-Id: "+string(x.RequestID)+"\n"; got != want {
			t.Errorf("%s: the endpoint gets %q, want %q", c.what, got, want)
		}
	}
}

func TestTheLongestAndTheShortestTrustedId(t *testing.T) {
	for _, id := range []string{"!", strings.Repeat("~", 128)} {
		r := testkit.Policy(t, compile(t, trusting), head("X-Request-Id: "+id+"\n"), answer)
		if r.RequestID != id {
			t.Errorf("got %q, want %q", r.RequestID, id)
		}
	}
}

func TestAnIdThatIsSettledStays(t *testing.T) {
	steps := append([]http7.Step{{Name: "before", Request: fixed("first")}}, compile(t, trusting)...)
	r := testkit.Policy(t, steps, head("X-Request-Id: second\n"), answer)
	if want := "Host: h\nX-Request-Id: first\n"; r.Request != want || r.RequestID != "first" {
		t.Errorf("got %q and %q, want %q", r.RequestID, r.Request, want)
	}
}

func TestAnotherHeaderCarriesIt(t *testing.T) {
	named := func(c *requestid.Config) { c.Header, c.Trust = "Correlation-ID", true }
	r := testkit.Policy(t, compile(t, named), head("correlation-id: c1\nX-Request-Id: own\n"), answer)
	if want := "Host: h\nCorrelation-ID: c1\nX-Request-Id: own\n"; r.Request != want {
		t.Errorf("the endpoint gets %q, want %q", r.Request, want)
	}
	if want := "X-Request-ID: theirs\nServer: s\nCorrelation-ID: c1\n"; r.Answer != want {
		t.Errorf("the client gets %q, want %q", r.Answer, want)
	}
}

func TestNoSpellingOfTheFieldComesThrough(t *testing.T) {
	for _, name := range []string{"X-Request-Id", "Trace-Ref"} {
		steps := compile(t, func(c *requestid.Config) { c.Header = name })
		var x http7.Exchange
		x.RequestID = []byte("id")
		for _, h := range []*http7.Header{&x.Request, &x.Trailer} {
			for _, spelt := range []string{strings.ReplaceAll(name, "-", "_"), strings.ToUpper(strings.Replace(name, "-", "_", 1)), strings.ToLower(name), "X_Other", "X-Request-I_"} {
				h.AddRaw([]byte(spelt), []byte("spoofed"))
			}
		}
		steps[2].Request.Request(&x)
		steps[2].Trailer.Trailer(&x, &x.Trailer)
		rest := "X_Other: spoofed\nX-Request-I_: spoofed\n"
		if got, want := fields(&x.Request), name+": id\n"+rest; got != want {
			t.Errorf("header: got %q, want %q", got, want)
		}
		if got := fields(&x.Trailer); got != rest {
			t.Errorf("trailer: got %q, want %q", got, rest)
		}
	}
}

func TestTheTrailersOfAnswersAreLeftAlone(t *testing.T) {
	var x http7.Exchange
	var trailer http7.Header
	trailer.AddRaw([]byte("X-Request-Id"), []byte("theirs"))
	compile(t, nil)[2].Trailer.Trailer(&x, &trailer)
	if trailer.Len() != 1 {
		t.Error("a field of the endpoint's trailer is gone")
	}
}

func TestAnExchangeWithoutAnIdIsToldNone(t *testing.T) {
	steps := compile(t, trusting)[1:] // the guards did not run
	r := testkit.Policy(t, steps, head("X-Request-Id: a\n"), answer)
	if want := "Host: h\n"; r.Request != want || r.Answer != "X-Request-ID: theirs\nServer: s\n" {
		t.Errorf("got %q and %q", r.Request, r.Answer)
	}
}

func TestFaultsSayTheId(t *testing.T) {
	steps := append(compile(t, trusting), http7.Step{Name: "no", Request: refuser{}})
	r := testkit.Policy(t, steps, head("X-Request-Id: a1\n"), "")
	if r.Status != 404 || !strings.Contains(r.Body, `"request_id":"a1"`) || !strings.Contains(r.Answer, "X-Request-Id: a1\n") {
		t.Errorf("got %d %q %q", r.Status, r.Answer, r.Body)
	}
}

type refuser struct{}

func (refuser) Request(*http7.Exchange) http7.Verdict { return http7.Refuse(http7.NoRoute) }

func TestObserveSaysWhatItWouldDoAndDoesNothing(t *testing.T) {
	for _, c := range []struct {
		fields string
		trust  bool
		want   string
	}{
		{"", true, "would make one"},
		{"X-Request-Id: a\n", true, "would keep the client's"},
		{"X-Request-Id: a\n", false, "would replace the client's"},
		{"X-Request-Id: a b\n", true, "would replace the client's"},
	} {
		steps := compile(t, func(q *requestid.Config) { q.Mode, q.Trust = conf.Observe, c.trust })
		r := testkit.Policy(t, steps, head(c.fields), answer)
		if want := []string{"edge.request_id:" + c.want}; !slices.Equal(r.Remarks, want) {
			t.Errorf("%q: got %q, want %q", c.fields, r.Remarks, want)
		}
		if r.Request != "Host: h\n"+c.fields || r.RequestID != "" || r.Answer != "X-Request-ID: theirs\nServer: s\n" {
			t.Errorf("%q: changed: %+v", c.fields, r)
		}
	}
	unknown, step := &http7.Exchange{Recorded: &http7.Recorded{}}, compile(t, func(q *requestid.Config) { q.Mode = conf.Observe })[0]
	step.Request.Request(unknown)
	if want := []string{"header:x-request-id"}; len(unknown.Verdicts) != 0 || !slices.Equal(unknown.Recorded.Missed, want) || !slices.Equal(step.Reads, want) {
		t.Errorf("of a record: got %q, missed %q", unknown.Verdicts, unknown.Recorded.Missed)
	}
	settled := append([]http7.Step{{Name: "before", Request: fixed("first")}}, compile(t, func(q *requestid.Config) { q.Mode = conf.Observe })...)
	if r := testkit.Policy(t, settled, head(""), answer); len(r.Remarks) != 0 {
		t.Errorf("with an id already: got %q", r.Remarks)
	}
}

func TestStepsHaveTheirStagesAndOffMakesNone(t *testing.T) {
	for _, c := range []struct {
		mode conf.Mode
		want string
	}{
		{conf.Enforce, "edge.request_id guard|edge.request_id present|edge.request_id rewrite|"},
		{conf.Observe, "edge.request_id guard|"},
		{conf.ModeOff, ""},
	} {
		got := ""
		for _, s := range compile(t, func(q *requestid.Config) { q.Mode = c.mode }) {
			got += s.Name + " " + s.Stage.String() + "|"
			if (s.Mode == http7.Observe) != (c.mode == conf.Observe) {
				t.Errorf("%v: the step's mode is %v", c.mode, s.Mode)
			}
		}
		if got != c.want {
			t.Errorf("%v: got %q, want %q", c.mode, got, c.want)
		}
	}
}

func TestNamesThatCarryNoIdsAreRefused(t *testing.T) {
	for _, c := range []struct{ header, want string }{
		{"", `"" is not a field name`},
		{"a b", `"a b" is not a field name`},
		{"Host", `"Host" has another meaning`},
		{"content-length", `"content-length" has another meaning`},
		{"Cookie", `"Cookie" has another meaning`},
		{"Traceparent", `"Traceparent" has another meaning`},
	} {
		cfg := requestid.Config{Header: c.header}
		p := conf.NewProblems()
		cfg.Check(p)
		if l := p.List(); len(l) != 1 || l[0].Path.String() != "header" || l[0].Text != c.want || l[0].Hint == "" {
			t.Errorf("%q: got %+v, want %q", c.header, l, c.want)
		}
		if steps, err := requestid.Compile(&cfg, "edge"); err == nil || steps != nil {
			t.Errorf("%q is compiled", c.header)
		}
	}
	p := conf.NewProblems()
	standard := requestid.Default()
	if standard.Check(p); len(p.List()) != 0 {
		t.Errorf("the defaults: %+v", p.List())
	}
}

func TestAnIdDiffersWithEveryRequest(t *testing.T) {
	steps := compile(t, func(c *requestid.Config) { c.Header = "X-Trace" })
	if got, want := steps[len(steps)-1].Edits, []http7.Edit{{Name: "x-trace"}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
