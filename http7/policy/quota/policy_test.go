package quota

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/shared"
	"weir/internal/testkit"
)

func TestAnswersSayTheQuotaAndWhatIsLeftOfIt(t *testing.T) {
	s := noon(t, of(func(c *Config) { c.Limit = 2 }))
	for i, want := range []string{
		"RateLimit-Policy: \"client-day\";q=2;w=86400\nRateLimit: \"client-day\";r=1;t=43200\n",
		"RateLimit-Policy: \"client-day\";q=2;w=86400\nRateLimit: \"client-day\";r=0;t=43200\n",
		"429 Retry-After: 43200\nRateLimit-Policy: \"client-day\";q=2;w=86400\nRateLimit: \"client-day\";r=0;t=43200\n",
	} {
		if got := tells(s, from("192.0.2.1")); got != want {
			t.Errorf("request %d: got\n%swant\n%s", i, got, want)
		}
	}
	quiet := noon(t, of(func(c *Config) { c.Limit, c.Fields, c.Per = 1, false, "hour" }))
	if got := tells(quiet, from("192.0.2.1")) + tells(quiet, from("192.0.2.1")); got != "429 Retry-After: 3600\n" {
		t.Errorf("without fields: %s", got)
	}
	month := noon(t, of(func(c *Config) { c.Per, c.Name = "month", "plan" }))
	if got, want := tells(month, from("192.0.2.1")), "RateLimit-Policy: \"plan\";q=5;w=2678400\nRateLimit: \"plan\";r=4;t=129600\n"; got != want {
		t.Errorf("of a month: %s", got)
	}
}

func TestARefusalIs429WithAReasonOnEveryProtocol(t *testing.T) {
	s := noon(t, of(func(c *Config) { c.Limit = 1 }))
	admitted(s, "192.0.2.7")
	answer := "HTTP/1.1 200 OK\nContent-Length: 0\n\n"
	r := testkit.Policy(t, []http7.Step{s}, "GET / HTTP/1.1\nHost: h\n\n", answer)
	if r.Status != 429 || !strings.Contains(r.Body, `"fault":"quota_exceeded"`) || !strings.Contains(r.Body, `"violated-policies":["client-day"]`) ||
		!strings.Contains(r.Answer, "Retry-After: 43200\n") {
		t.Errorf("got %d %s\n%s", r.Status, r.Body, r.Answer)
	}
	grpc := testkit.Policy(t, []http7.Step{s}, "POST /a.B/C HTTP/1.1\nHost: h\nContent-Type: application/grpc\nContent-Length: 0\n\n", answer)
	if grpc.Status != 200 || !strings.Contains(grpc.Answer, "grpc-status: 8\n") {
		t.Errorf("gRPC gets %d\n%s", grpc.Status, grpc.Answer)
	}
}

func TestKeysAndCosts(t *testing.T) {
	s := noon(t, of(func(c *Config) { c.Cost = 2 }))
	if a, b, other := admitted(s, "2001:db8::1"), admitted(s, "2001:db8::2"), admitted(s, "2001:db8:0:1::1"); a != 2 || b != 0 || other != 2 {
		t.Errorf("%d, then %d of its block, then %d of another; want 2, 0, 2", a, b, other)
	}
	s = noon(t, of(keyed("consumer")))
	x := from("192.0.2.1")
	x.Consumer = "shop"
	s.Request.Request(x)
	if n := admitted(s, "192.0.2.1"); n != 5 {
		t.Errorf("%d of nobody admitted, want 5", n)
	}
}

func TestUsesOutlastReloadsAndRestarts(t *testing.T) {
	dir := t.TempDir()
	p := newProcess(dir)
	first := p.Needs()
	if n := admitted(compiled(t, of(nil), first), "192.0.2.1"); n != 5 {
		t.Fatalf("%d admitted, want 5", n)
	}
	second := p.Needs()
	larger := compiled(t, of(func(c *Config) { c.Limit = 8 }), second)
	first.Turn.End()
	if n := admitted(larger, "192.0.2.1"); n != 3 {
		t.Errorf("%d more of a larger quota admitted, want 3", n)
	}
	if p.Levels() != 1 || p.Level("edge.quota client-day keys") != 1 {
		t.Errorf("%d levels", p.Levels())
	}
	second.Turn.End()
	if p.Levels() != 0 {
		t.Errorf("%d levels are left", p.Levels())
	}
	again := newProcess(dir).Needs()
	if n := admitted(compiled(t, of(func(c *Config) { c.Limit = 9 }), again), "192.0.2.1"); n != 1 {
		t.Errorf("%d more admitted after a restart, want 1", n)
	}
	again.Turn.End()
	other := newProcess(dir).Needs()
	if n := admitted(compiled(t, of(func(c *Config) { c.Per = "hour" }), other), "192.0.2.1"); n != 5 {
		t.Errorf("%d of another quota admitted, want 5", n)
	}
	other.Turn.End()
	info, err := os.Stat(filepath.Join(dir, "quota"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info, err)
	}
	if p.Log.String() != "" {
		t.Errorf("logged: %s", p.Log.String())
	}
}

func TestADamagedFileAndAMissingPlaceAreTold(t *testing.T) {
	dir := t.TempDir()
	p := newProcess(dir)
	needs := p.Needs()
	admitted(compiled(t, of(nil), needs), "192.0.2.1")
	needs.Turn.End()
	files, err := filepath.Glob(filepath.Join(dir, "quota", "????????????????????????"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("noise"), 0o600); err != nil {
		t.Fatal(err)
	}
	needs = p.Needs()
	if n := admitted(compiled(t, of(nil), needs), "192.0.2.1"); n != 5 || !strings.Contains(p.Log.String(), "damaged") {
		t.Errorf("%d admitted, logged %s", n, p.Log.String())
	}
	needs.Turn.End()
	nowhere := policytest.NewProcess()
	compiled(t, of(nil), nowhere.Needs())
	if !strings.Contains(nowhere.Log.String(), "state_dir") {
		t.Errorf("logged %s", nowhere.Log.String())
	}
	below := newProcess(files[0]).Needs()
	if _, err := Compile(of(nil), "edge", below); err == nil {
		t.Error("a folder below a file is compiled")
	}
}

func TestADryRunTakesNothingAndWritesNothing(t *testing.T) {
	dir := t.TempDir()
	needs := newProcess(dir).Needs()
	needs.Idle = true
	s := compiled(t, of(nil), needs)
	for range 20 {
		x := from("192.0.2.1")
		if x.Dry = true; s.Request.Request(x).Act != http7.Go {
			t.Fatal("a dry run was refused")
		}
	}
	if n := admitted(s, "192.0.2.1"); n != 5 {
		t.Errorf("%d admitted, want 5", n)
	}
	x := from("192.0.2.1")
	if x.Dry = true; s.Request.Request(x).Fault != exceeded {
		t.Error("a dry run of what would be refused was admitted")
	}
	needs.Turn.End()
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("%d files are written", len(files))
	}
	s = noon(t, of(keyed("header:X-A")))
	x = from("192.0.2.1")
	x.Dry, x.Recorded = true, &http7.Recorded{}
	if v := s.Request.Request(x); v.Act != http7.Go || !slices.Equal(x.Recorded.Missed, s.Reads) || len(s.Reads) != 1 {
		t.Errorf("of a log: %+v, missed %q", v, x.Recorded.Missed)
	}
}

func TestObserveCountsLikeEnforceAndDoesNothing(t *testing.T) {
	refused := map[conf.Mode]int{}
	for _, mode := range []conf.Mode{conf.Enforce, conf.Observe} {
		s := noon(t, of(func(c *Config) { c.Mode = mode }))
		for i := range 30 {
			x := from([]string{"192.0.2.1", "192.0.2.2"}[i%2])
			if v := s.Request.Request(x); v.Act == http7.Reply {
				refused[mode]++
			}
			if mode == conf.Observe && (s.Mode != http7.Observe || s.Response != nil || len(x.Problem.Members) != 0) {
				t.Fatal("observe tells something")
			}
		}
	}
	if refused[conf.Enforce] != 20 || refused[conf.Observe] != 20 {
		t.Errorf("refused %v, want 20 each", refused)
	}
	if steps, err := Compile(of(func(c *Config) { c.Mode = conf.ModeOff }), "edge", policytest.NewProcess().Needs()); steps != nil || err != nil {
		t.Errorf("off: %v, %v", steps, err)
	}
}

func TestTenThousandClientsAtOnceGetTheQuotaAndNoMore(t *testing.T) {
	s := noon(t, of(func(c *Config) { c.Limit = 54_321 }))
	var got atomic.Int64
	var all sync.WaitGroup
	for range 10_000 {
		all.Go(func() {
			x := from("192.0.2.1")
			for range 10 {
				if s.Request.Request(x).Act == http7.Go {
					got.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := got.Load(); n != 54_321 {
		t.Errorf("%d admitted, want 54321", n)
	}
}

// A server that nobody answers at: what is configured for that happens.
func TestASharedQuotaWithoutItsServer(t *testing.T) {
	for failure, want := range map[string]int{"local": 5, "open": 50, "closed": 0} {
		c := shared.Default()
		c.Redis, c.OnFailure = "redis://127.0.0.1:1/0", failure
		store, err := shared.New(c, shared.Needs{})
		if err != nil {
			t.Fatal(err)
		}
		needs := policytest.NewProcess().Needs()
		needs.Shared = store
		s := compiled(t, of(func(c *Config) { c.Scope = scopeShared }), needs)
		n := 0
		for range 50 {
			x := from("192.0.2.1")
			v := s.Request.Request(x)
			for v.Act == http7.Wait { // nobody runs the store: the answer never comes
				v = s.Request.(http7.Resumer).Resume(x, http7.Expired)
			}
			switch s.End.End(x, x.Word); {
			case v.Act == http7.Go:
				n++
			case failure == "closed" && (v.Fault != unknown || x.Cause == nil):
				t.Errorf("closed: %+v", v)
			case failure == "local" && v.Fault != exceeded:
				t.Errorf("local: %+v", v)
			}
		}
		if n != want {
			t.Errorf("%s: %d of 50 admitted, want %d", failure, n, want)
		}
		dry := from("192.0.2.1")
		if dry.Dry = true; failure == "open" && s.Request.Request(dry).Act != http7.Go {
			t.Error("a dry run was refused")
		}
	}
	if _, err := Compile(of(func(c *Config) { c.Scope = scopeShared }), "edge", policytest.NewProcess().Needs()); err == nil || !strings.Contains(err.Error(), "[shared]") {
		t.Errorf("without [shared]: %v", err)
	}
}

func TestWhatIsWrongIsSaidWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{nil, ""},
		{func(c *Config) { c.Limit = 0 }, "limit: 0 is no number of requests"},
		{func(c *Config) { c.Cost = 6 }, "cost: 6 is out of range"},
		{func(c *Config) { c.Per = "week" }, `per: "week" is not a period`},
		{func(c *Config) { c.IPv6Prefix = 0 }, "ipv6_prefix: 0 is out of range"},
		{func(c *Config) { c.Keys = -1 }, "keys: -1 is out of range"},
		{func(c *Config) { c.Scope = "all" }, `scope: "all" is not a scope`},
		{func(c *Config) { c.Name = "a b" }, `name: "a b" is not a name`},
		{keyed("path", "path"), `key[1]: "path" is written twice`},
	} {
		p := conf.NewProblems()
		cfg := of(c.change)
		cfg.Check(p)
		policytest.Hinted(t, p)
		if got := policytest.Said(p); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
		if _, err := Compile(cfg, "edge", nil); (err != nil) != (c.want != "") {
			t.Errorf("%q: compiled with %v", c.want, err)
		}
	}
	if c := of(func(c *Config) { c.Scope = scopeShared }); !c.Shared() || of(nil).Shared() {
		t.Error("Shared is wrong")
	}
}

func TestRequestsAllocateNothing(t *testing.T) {
	s, x := noon(t, of(func(c *Config) { c.Limit = 1 << 40 })), new(http7.Exchange)
	full, client := noon(t, of(func(c *Config) { c.Limit = 1 })), from("192.0.2.1").Client
	pass := func() {
		for _, s := range []http7.Step{s, full} {
			x.Client = client
			v := s.Request.Request(x)
			x.LocalAnswer(200)
			if v.Fault != nil {
				http7.FaultAnswer(x, v.Fault)
			}
			s.Response.Response(x)
			s.End.End(x, x.Word)
			x.Release()
		}
	}
	pass()
	if n := testing.AllocsPerRun(1000, pass); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

func BenchmarkAdmitted(b *testing.B) {
	needs := newProcess(b.TempDir()).Needs()
	defer needs.Turn.End()
	s, x := compiled(b, of(func(c *Config) { c.Limit, c.Fields = 1<<40, false }), needs), new(http7.Exchange)
	client := from("192.0.2.1").Client
	b.ReportAllocs()
	for b.Loop() {
		x.Client = client
		if s.Request.Request(x).Act != http7.Go {
			b.Fatal("refused")
		}
		x.Release()
	}
}
