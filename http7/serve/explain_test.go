package serve

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/explain"
	"weir/lb"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n got\n%s\nwant\n%s", name, got, want)
	}
}

// settledText is a report without what every run has anew.
func settledText(t *testing.T, r *explain.Report) string {
	t.Helper()
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`weir-[0-9a-f]{8}`).ReplaceAllString(string(b), "weir-ID")
	return regexp.MustCompile(`[A-Z][a-z]{2}, \d\d [^"]* GMT`).ReplaceAllString(text, "TODAY") + "\n"
}

func TestExplanationsReadAsTheyShould(t *testing.T) {
	t.Parallel()
	r := judging(t)
	for _, c := range []struct{ name, head, body string }{
		{"forwarded", "GET /v%31/a?x=1 HTTP/1.1|Host: API.example.com:8080|X-Tenant: acme||", ""},
		{"content", "POST /v1/a HTTP/1.1|Host: a|Content-Type: application/json|Content-Length: 27||", `{"order":{"type":"refund"}}`},
		{"split", "GET /split HTTP/1.1|Host: a|Cookie: uid=7||", ""},
		{"split_drawn", "GET /split HTTP/1.1|Host: a||", ""},
		{"redirect", "GET /old HTTP/1.1|Host: a||", ""},
		{"handler", "GET /hello HTTP/1.1|Host: a||", ""},
		{"refused_by_listener", "GET /v1/a HTTP/1.1|Host: a|Authorization: x||", ""},
		{"opted_out", "GET /tenant HTTP/1.1|Host: a|Authorization: x|X-Tenant: acme||", ""},
		{"no_route", "GET /v2 HTTP/1.1|Host: a||", ""},
		{"ambiguous_path", "GET /v1//a HTTP/1.1|Host: a||", ""},
		{"bad_head", "GET /v1 HTTP/1.1|Host: a|no colon||", ""},
		{"unknown_body", "POST /v1/a HTTP/1.1|Host: a|Content-Type: application/json|Content-Length: 27||", ""},
	} {
		golden(t, "explain_"+c.name+".json", settledText(t, r.engine.Explain(r.site, asking(c.head, c.body))))
	}
}

func TestAnExplanationTellsEachPolicyOnce(t *testing.T) {
	t.Parallel()
	r := newPreflownRig(t)
	e := r.engine.Explain(r.site, asking("OPTIONS /a HTTP/1.1|Host: a|Origin: https://b|Access-Control-Request-Method: GET||", ""))
	var got []string
	for _, p := range e.Policies {
		got = append(got, p.Name+" "+string(p.Verdict)+" "+p.From)
	}
	want := "edge.guard continue listener, edge.identify not reached listener, edge.mark on answer listener, g.cors answer route, g.authorise not reached route"
	if s := strings.Join(got, ", "); s != want || e.Action != explain.Answered || e.Answer.Status != 204 || e.Answer.By != "g.cors" || e.Request.Preflight != "GET" {
		t.Errorf("%s\n got %s\nwant %s", e.Action, s, want)
	}
}

// newPreflownRig is a rig whose route answers preflights.
func newPreflownRig(t testing.TB) *rig {
	return newRigWith(t, func(r *rig) {
		look := &scripted{}
		step := func(name string, stage http7.Stage) http7.Step {
			return http7.Step{Name: name, Bundle: strings.Split(name, ".")[0], Stage: stage, Request: look}
		}
		mark := marking("X-Late").answerStep("edge.mark", http7.Present)
		r.site.Early = []http7.Step{step("edge.guard", http7.Guard), step("edge.identify", http7.Identify)}
		r.site.Late = []http7.Step{mark}
		r.route.Steps = []http7.Step{
			mark, {Name: "g.cors", Bundle: "g", Stage: http7.Present, Preflight: &offer{"g.cors", nil, true}},
			step("g.authorise", http7.Authorise),
		}
	}, "127.0.0.1:4")
}

// A request without what its upstream hashes was told one endpoint, drawn for the explanation, as if it were sure.
func TestARequestThatLacksWhatIsHashedIsExplainedAsDrawn(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) {
		cfg := lb.Default()
		cfg.Balance = lb.Maglev
		r.plan.Upstream = r.upstream("h", cfg, "192.0.2.1:80", "192.0.2.2:80", "192.0.2.3:80")
		r.plan.HashOn = hashOn(t, "header:X-Tenant")
	})
	for lines, c := range map[string]struct {
		note   string
		places int
	}{
		"X-Tenant: acme|": {"hash", 1},
		"X-Tenant: |":     {"draw", 3},
		"":                {"draw", 3},
	} {
		u := r.engine.Explain(r.site, asking("GET / HTTP/1.1|Host: a|"+lines+"|", "")).Upstreams[0]
		places := 0
		for _, e := range u.Endpoints {
			if e.Chance > 0 {
				places++
			}
		}
		if u.Note != c.note || places != c.places {
			t.Errorf("%q: %s among %d, want %s among %d", lines, u.Note, places, c.note, c.places)
		}
	}
}

// A field that a policy put into the request was told to whoever asked, its secret with it.
func TestAnExplanationDoesNotTellSecretsThatNobodyBrought(t *testing.T) {
	t.Parallel()
	set := func(h *http7.Header, name, value string) {
		n, _ := http7.NewName(name)
		h.Set(n, []byte(value))
	}
	edits := &scripted{
		request: func(x *http7.Exchange) http7.Verdict {
			set(&x.Request, "Authorization", "Bearer tok-1234")
			set(&x.Request, "X-Api-Key", "mine")
			set(&x.Request, "X-Tier", "gold")
			return http7.Continue
		},
		answer: func(x *http7.Exchange) http7.Verdict {
			set(&x.Answer.Header, "Set-Cookie", "session=tok-1234")
			return http7.Continue
		},
	}
	r := newRigWith(t, func(r *rig) {
		r.route.Paths, r.route.Steps = []string{"/a"}, []http7.Step{edits.step("p.edit")}
		r.also(&http7.Route{Name: "gone", Paths: []string{"/b"}}).Local = redirecting{"/a"}
		r.site.Plans[1].Upstream, r.site.Plans[1].Route.Steps = nil, r.route.Steps
	}, "127.0.0.1:1")
	ask := func(path string) *explain.Report {
		return r.engine.Explain(r.site, asking("GET "+path+" HTTP/1.1|Host: a|X-Api-Key: mine|Cookie: uid=7||", ""))
	}
	for _, c := range []struct {
		fields     []explain.Field
		want, lack string
	}{
		{ask("/a").Upstreams[0].Request.Fields, "[{Authorization (masked)} {X-Api-Key mine} {Cookie uid=7} {X-Tier gold}]", "tok-1234"},
		{ask("/b").Answer.Fields, "[{Set-Cookie (masked)}]", "tok-1234"},
	} {
		for want := range strings.SplitSeq(strings.Trim(c.want, "[{}]"), "} {") {
			if got := fmt.Sprint(c.fields); !strings.Contains(got, "{"+want+"}") || strings.Contains(got, c.lack) {
				t.Errorf("told %s, want %s", got, want)
			}
		}
	}
}

// All of a body was judged, where a server would read no further than its length.
func TestABodyIsJudgedUpToItsLength(t *testing.T) {
	t.Parallel()
	r := judging(t)
	for length, want := range map[int]string{27: "forwarded", 5: "bad_content", 28: "undecided"} {
		head := fmt.Sprintf("POST /v1/a HTTP/1.1|Host: a|Content-Type: application/json|Content-Length: %d||", length)
		d := r.engine.Judge(r.site, asking(head, `{"order":{"type":"refund"}}`))
		got := "forwarded"
		switch {
		case d.Undecided:
			got = "undecided"
		case d.Fault != nil:
			got = d.Fault.Name
		}
		if got != want {
			t.Errorf("Content-Length: %d is judged %s, want %s", length, got, want)
		}
	}
}
