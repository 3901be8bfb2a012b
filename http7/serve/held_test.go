package serve

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"weir/http7"
	"weir/internal/obs"
)

// replying is a policy that answers in words of its own.
type replying struct{ status int }

func (p replying) Request(x *http7.Exchange) http7.Verdict {
	x.LocalAnswer(p.status)
	return http7.Answered()
}

// reasoning says why it refuses, to the client and to the log.
type reasoning struct{ detail, cause string }

func (p reasoning) Request(x *http7.Exchange) http7.Verdict {
	x.Problem.Detail, x.Cause = []byte(p.detail), errors.New(p.cause)
	return http7.Refuse(http7.BadContent)
}

// heard gives the site an audit log whose lines a test reads, and counts of refusals.
func heard(t *testing.T, r *rig) (told func(want string) string) {
	t.Helper()
	out := &pad{}
	log, err := obs.NewAuditLog(obs.AuditLogConfig{Path: "-"}, obs.AccessLogNeeds{Stdout: out, Catalogue: r.series, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r.site.Refusals, r.site.AuditLog = r.series.Policies(), log
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // the log's writer; ends with ctx
		defer close(ended)
		log.Run(ctx)
	}()
	return func(want string) string {
		if want != "" {
			eventually(t, "the audit log has its line", func() bool { return strings.Contains(out.String(), want) })
		}
		end()
		<-ended
		return out.String()
	}
}

// pad is a buffer for several goroutines.
type pad struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *pad) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *pad) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

const plainGet = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

// What a step before the match says holds unless the route opts out of its bundle, whether it refuses or answers.
func TestARouteOptsOutOfWhatWasSaidBeforeTheMatch(t *testing.T) {
	t.Parallel()
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	for name, tc := range map[string]struct {
		early   http7.Step
		without string
		want    string
		audit   string
	}{
		"a refusal":                  {http7.Step{Request: reasoning{"no, you", "inside"}}, "", "HTTP/1.1 400", `"mode":"enforce","fault":"bad_content"`},
		"a refusal, opted out":       {http7.Step{Request: reasoning{"no, you", "inside"}}, "p", "HTTP/1.1 200", ""},
		"an answer":                  {http7.Step{Stage: http7.Identify, Request: replying{302}}, "", "HTTP/1.1 302", ""},
		"an answer, opted out":       {http7.Step{Stage: http7.Identify, Request: replying{302}}, "p", "HTTP/1.1 200", ""},
		"an observation":             {http7.Step{Mode: http7.Observe, Request: reasoning{"no, you", "inside"}}, "", "HTTP/1.1 200", `"mode":"observe","fault":"bad_content"`},
		"an observation, opted out":  {http7.Step{Mode: http7.Observe, Request: reasoning{"no, you", "inside"}}, "p", "HTTP/1.1 200", ""},
		"an answer of a guard":       {http7.Step{Request: replying{204}}, "", "HTTP/1.1 204", ""},
		"a refusal of another route": {http7.Step{Request: reasoning{"no, you", "inside"}}, "q", "HTTP/1.1 400", `"reason":"inside"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines func(string) string
			r := newRigWith(t, func(r *rig) {
				tc.early.Name, tc.early.Bundle = "p.step", "p"
				r.site.Early = []http7.Step{tc.early}
				if tc.without != "" {
					r.plan.Without = []string{tc.without}
				}
				lines = heard(t, r)
			}, saying(t, ok))
			got := r.say(plainGet)
			if !strings.HasPrefix(got, tc.want) || strings.Contains(got, "inside") {
				t.Errorf("got %s", got)
			}
			eventually(t, "the exchange is counted", func() bool { return strings.Contains(r.counts(), "weir_http_requests_total") })
			if told := lines(tc.audit); tc.audit == "" && told != "" {
				t.Errorf("audit %q, want %q", told, tc.audit)
			}
		})
	}
}

// counts is a scrape.
func (r *rig) counts() string {
	var b strings.Builder
	r.series.WritePrometheus(&b)
	return b.String()
}

// What an observed refusal has left for a problem body must not stand in that of another fault.
func TestAnObservedRefusalLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) {
		r.route.Steps = []http7.Step{
			{Name: "p.first", Bundle: "p", Mode: http7.Observe, Request: reasoning{"of the first", "inside"}},
			{Name: "p.second", Bundle: "p", Request: verdict{http7.Refuse(http7.CORSRefused)}},
		}
	}, saying(t, ""))
	got := r.say(plainGet)
	if !strings.HasPrefix(got, "HTTP/1.1 403") || strings.Contains(got, "of the first") || !strings.Contains(got, http7.CORSRefused.Detail) {
		t.Errorf("got %s", got)
	}
}

// An answer that a step refuses is a refusal like others.
func TestAnAnswerThatIsRefusedIsTold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mode http7.Mode
		want string
		told string
	}{
		"enforced": {http7.Enforce, "HTTP/1.1 502", `"policy":"p.answers","mode":"enforce","fault":"upstream_bad_field"`},
		"observed": {http7.Observe, "HTTP/1.1 200", `"policy":"p.answers","mode":"observe","fault":"upstream_bad_field"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines func(string) string
			p := &scripted{answer: func(x *http7.Exchange) http7.Verdict {
				if x.Answer.Local {
					return http7.Continue
				}
				return http7.Refuse(http7.BadAnswerField)
			}}
			r := newRigWith(t, func(r *rig) {
				r.route.Steps = []http7.Step{{Name: "p.answers", Bundle: "p", Mode: tc.mode, Response: p}}
				lines = heard(t, r)
			}, saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
			if got := r.say(plainGet); !strings.HasPrefix(got, tc.want) {
				t.Errorf("got %s", got)
			}
			lines(tc.told)
			if !strings.Contains(r.counts(), "weir_policy_refusals_total{") {
				t.Error("the refusal is not counted")
			}
		})
	}
}

// bodyJudge is a filter that refuses the body of an answer, or would.
type bodyJudge struct {
	http7.Filter
	x    *http7.Exchange
	mode http7.Mode
}

func (bodyJudge) Changes() bool { return false }

func (bodyJudge) Holds() bool { return true }

func (j bodyJudge) Write(dst, chunk []byte, how http7.How) ([]byte, int, bool, *http7.Fault) {
	if how != http7.Last {
		return chunk, len(chunk), true, nil
	}
	j.x.Refused = append(j.x.Refused, http7.RefusedAnswer{Step: "p.answers", Mode: j.mode, Fault: http7.BadAnswerField, Cause: errors.New("its body")})
	if j.mode == http7.Observe {
		return chunk, len(chunk), true, nil
	}
	return nil, len(chunk), true, http7.BadAnswerField
}

// So is one whose body a filter refuses.
func TestAnAnswerThatIsRefusedForItsBodyIsTold(t *testing.T) {
	t.Parallel()
	for mode, want := range map[http7.Mode]string{http7.Enforce: "enforce", http7.Observe: "observe"} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			var lines func(string) string
			p := &scripted{answer: func(x *http7.Exchange) http7.Verdict {
				if !x.Answer.Local {
					x.Answer.Filters = append(x.Answer.Filters, bodyJudge{x: x, mode: mode})
				}
				return http7.Continue
			}}
			r := newRigWith(t, func(r *rig) {
				r.route.Steps = []http7.Step{{Name: "p.answers", Bundle: "p", Mode: mode, Response: p}}
				lines = heard(t, r)
			}, saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
			r.say(plainGet)
			lines(`"policy":"p.answers","mode":"` + want + `","fault":"upstream_bad_field"`)
			if n := `fault="upstream_bad_field",mode="` + want + `"} 1`; !strings.Contains(r.counts(), n) {
				t.Errorf("%s is not counted", n)
			}
		})
	}
}

// A dry run counts nothing and tells nobody.
func TestADryRunIsNotAudited(t *testing.T) {
	t.Parallel()
	var lines func(string) string
	r := newRigWith(t, func(r *rig) {
		r.site.Early = []http7.Step{{Name: "p.step", Bundle: "p", Request: reasoning{"no", "inside"}}}
		lines = heard(t, r)
	}, saying(t, ""))
	d := r.engine.Judge(r.site, &Question{Head: []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Peer: netip.MustParseAddrPort("192.0.2.1:1")})
	if d.Fault != http7.BadContent || d.By != "p.step" {
		t.Errorf("%+v", d)
	}
	if told := lines(""); told != "" || strings.Contains(r.counts(), "weir_policy_refusals_total") {
		t.Errorf("told %q", told)
	}
}
