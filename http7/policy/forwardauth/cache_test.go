package forwardauth

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/fetch"
)

func response(status int, fields ...string) *fetch.Response {
	r := &fetch.Response{Status: status, Header: http.Header{}}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	return r
}

func TestAnAnswerHoldsForTheSameQuestionUntilItsTime(t *testing.T) {
	for _, c := range []struct {
		what   string
		answer http.HandlerFunc
		act    http7.Act
		kept   bool
	}{
		{"a yes", says(200, "", "X-User", "ann"), http7.Go, true},
		{"a 401", says(401, ""), http7.Reply, true},
		{"a 403", says(403, "no"), http7.Reply, true},
		{"a redirect to a login, which has a state of its own", says(302, "", "Location", "/login"), http7.Reply, false},
		{"a 403 that sets a cookie", says(403, "", "Set-Cookie", "a=b"), http7.Reply, false},
		{"a 429", says(429, ""), http7.Reply, false},
		{"a failure", says(500, ""), http7.Reply, false},
	} {
		s := newService(t, c.answer)
		steps, _ := compiled(t, s.URL, cached)
		now := time.Now()
		clocked(steps, func() time.Time { return now })
		for range 3 {
			if v := steps[0].Request.Request(asked7()); v.Act != c.act {
				t.Errorf("%s: got %+v", c.what, v)
			}
		}
		if want := map[bool]int{true: 1, false: 3}[c.kept]; s.calls() != want {
			t.Errorf("%s: %d calls, want %d", c.what, s.calls(), want)
		}
		if !c.kept {
			continue
		}
		now = now.Add(time.Minute)
		steps[0].Request.Request(asked7())
		if s.calls() != 2 {
			t.Errorf("%s: %d calls when its time is over, want 2", c.what, s.calls())
		}
	}
}

// TestNoTwoQuestionsShareAnAnswer: whatever the service is sent can change what it says.
func TestNoTwoQuestionsShareAnAnswer(t *testing.T) {
	s := newService(t, says(200, ""))
	steps, _ := compiled(t, s.URL, func(c *Config) { cached(c); c.RequestHeaders = []string{"Authorization", "X-A", "X-B"} })
	with := func(change func(x *http7.Exchange)) *http7.Exchange {
		x := asked("GET", "/a")
		change(x)
		return x
	}
	add := func(lines ...string) func(x *http7.Exchange) {
		return func(x *http7.Exchange) {
			for _, l := range lines {
				name, value, _ := strings.Cut(l, ":")
				x.Request.AddRaw([]byte(name), []byte(value))
			}
		}
	}
	all := []func() *http7.Exchange{
		func() *http7.Exchange { return with(func(*http7.Exchange) {}) },
		func() *http7.Exchange { return with(func(x *http7.Exchange) { x.Method = []byte("PUT") }) },
		func() *http7.Exchange { return with(func(x *http7.Exchange) { x.Path = []byte("/b") }) },
		func() *http7.Exchange { return with(func(x *http7.Exchange) { x.Query = []byte("q") }) },
		func() *http7.Exchange { return with(func(x *http7.Exchange) { x.Query = []byte{} }) },
		func() *http7.Exchange { return with(func(x *http7.Exchange) { x.Authority = []byte("g") }) },
		func() *http7.Exchange { return with(func(x *http7.Exchange) { x.Secure = true }) },
		func() *http7.Exchange {
			return with(func(x *http7.Exchange) { x.Client = netip.MustParseAddr("192.0.2.8") })
		},
		func() *http7.Exchange { return with(func(x *http7.Exchange) { x.Request.Reset(nil) }) },
		func() *http7.Exchange { return with(add("X-A:1")) },
		func() *http7.Exchange { return with(add("X-B:1")) },
		func() *http7.Exchange { return with(add("X-A:1", "X-A:")) },
		func() *http7.Exchange { return with(add("X-A:", "X-A:1")) },
		func() *http7.Exchange { return with(add("X-A:1", "X-B:1")) },
		func() *http7.Exchange { return with(add("X-A:1,1")) },
		func() *http7.Exchange { return with(add("Authorization:Bearer abc")) },
	}
	for round := range 2 {
		for i, x := range all {
			steps[0].Request.Request(x())
			if want := len(all); round == 0 && s.calls() != i+1 || round == 1 && s.calls() != want {
				t.Fatalf("round %d, question %d: %d calls", round, i, s.calls())
			}
		}
	}
}

func TestAFieldThatIsNotSentDoesNotPartQuestions(t *testing.T) {
	s := newService(t, says(200, ""))
	steps, _ := compiled(t, s.URL, cached)
	for _, value := range []string{"a", "b", "c"} {
		x := asked7()
		x.Request.AddRaw([]byte("X-Request-Id"), []byte(value))
		steps[0].Request.Request(x)
	}
	if s.calls() != 1 {
		t.Errorf("%d calls, want 1", s.calls())
	}
}

func TestWhatIsRememberedOutlivesAReloadAndNotAChange(t *testing.T) {
	s := newService(t, says(200, "", "X-User", "ann"))
	k := policytest.NewProcess()
	load := func(change func(*Config)) (*policy.Turn, http7.Policy) {
		needs := k.Needs()
		steps, err := Compile(configured(s.URL, change), "edge", needs)
		if err != nil {
			t.Fatal(err)
		}
		return needs.Turn, steps[0].Request
	}
	first, p := load(cached)
	p.Request(asked7())
	second, p := load(cached)
	first.End()
	p.Request(asked7())
	if s.calls() != 1 {
		t.Errorf("%d calls over a reload, want 1", s.calls())
	}
	_, p = load(func(c *Config) { cached(c); c.Consumer = "X-Team" })
	second.End()
	p.Request(asked7())
	if s.calls() != 2 {
		t.Errorf("%d calls after a change, want 2", s.calls())
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-User", r.Header.Get("Authorization"))
	})
	steps, _ := compiled(t, s.URL, func(c *Config) { c.Cache = conf.Dur(time.Second) })
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() { // ends with its loop
			who := "user" + string(rune('a'+g))
			for range 50 {
				x := asked7()
				x.Request.Reset(nil)
				x.Request.AddRaw([]byte("Authorization"), []byte(who))
				if v := steps[0].Request.Request(x); v.Act != http7.Go || x.Consumer != who {
					t.Errorf("%s is taken for %q (%+v)", who, x.Consumer, v)
				}
				x.Release()
			}
		})
	}
	all.Wait()
}

func TestAdmittingFromMemoryAllocatesNothing(t *testing.T) {
	s := newService(t, says(200, "", "X-User", "ann", "X-Team", "a", "X-Groups", "staff"))
	steps, _ := compiled(t, s.URL, cached)
	x := asked7()
	admit := func() {
		x.Release()
		fill(x)
		if v := steps[0].Request.Request(x); v.Act != http7.Go {
			t.Fatalf("got %+v", v)
		}
		steps[1].Request.Request(x)
	}
	admit()
	if n := testing.AllocsPerRun(1000, admit); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
	if s.calls() != 1 {
		t.Errorf("%d calls", s.calls())
	}
}

var method, path, host, authorizationName, credential = []byte("GET"), []byte("/orders/7"), []byte("h"), []byte("Authorization"), []byte("Bearer abc")

func fill(x *http7.Exchange) {
	x.Method, x.Path, x.Authority = method, path, host
	x.Request.AddRaw(authorizationName, credential)
}

func BenchmarkAdmitted(b *testing.B) {
	s := newService(b, says(200, "", "X-User", "ann"))
	steps, _ := compiled(b, s.URL, cached)
	x := asked7()
	b.ReportAllocs()
	for b.Loop() {
		x.Release()
		fill(x)
		steps[0].Request.Request(x)
		steps[1].Request.Request(x)
	}
}

// FuzzAnswer: whatever a service says, the client gets whole fields and the endpoint no more than was copied.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "X-User", "ann", "body")
	f.Add(401, "Www-Authenticate", "Basic realm=\"\\\"", "")
	f.Add(302, "Location", "//evil\r\nSet-Cookie: a=b", "")
	f.Add(403, "Connection", "x-a, ,", "x")
	f.Fuzz(func(t *testing.T, status int, name, value, body string) {
		p := &asker{host: "h", consumer: "X-User", groups: "X-User", scopes: "X-User", copied: []copied{{key: "X-User", claim: "x-user"}}}
		a := response(status, name, value)
		a.Body = []byte(body)
		said, err := p.read(a)
		if err != nil {
			return
		}
		if (said.fault == nil) != (status >= 200 && status < 300) {
			t.Fatalf("%d: %v", status, said.fault)
		}
		for _, field := range said.fields {
			if !http7.IsToken(field.name) || !http7.IsFieldValue(field.value) {
				t.Fatalf("%q: %q goes to the client", field.name, field.value)
			}
		}
		for _, c := range said.claims {
			if !http7.IsFieldValue(c.Value) {
				t.Fatalf("%q goes to the endpoint", c.Value)
			}
		}
	})
}

// TestObservingCountsWhatEnforcingRefuses: the same requests, judged by a service that admits every third.
func TestObservingCountsWhatEnforcingRefuses(t *testing.T) {
	refusals := func(mode conf.Mode) (faults []string) {
		s := newService(t, func(w http.ResponseWriter, r *http.Request) {
			if uri := r.Header.Get("X-Forwarded-Uri"); (len(uri)-len("/"))%3 != 0 {
				w.WriteHeader(401 + len(uri)%3)
			}
		})
		steps, _ := compiled(t, s.URL, func(c *Config) { c.Mode = mode })
		for n := range 30 {
			if v := steps[0].Request.Request(asked("GET", "/"+strings.Repeat("a", n))); v.Fault != nil {
				faults = append(faults, v.Fault.Name)
			}
		}
		return faults
	}
	enforced, observed := refusals(conf.Enforce), refusals(conf.Observe)
	if len(enforced) != 20 || strings.Join(enforced, " ") != strings.Join(observed, " ") {
		t.Errorf("enforcing refuses %q, observing %q", enforced, observed)
	}
}
