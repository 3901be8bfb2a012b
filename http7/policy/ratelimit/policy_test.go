package ratelimit

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/testkit"
)

const (
	get    = "GET / HTTP/1.1\nHost: h\n\n"
	answer = "HTTP/1.1 200 OK\nServer: s\nContent-Length: 0\n\n"
)

func TestAnswersSayTheLimitAndWhatIsLeftOfIt(t *testing.T) {
	c := new(clock)
	s := compiled(t, limits(plain), policytest.NewProcess().Needs(), c)[0]
	for i, want := range []string{
		"RateLimit-Policy: \"client\";q=3;w=1\nRateLimit: \"client\";r=2;t=1\n",
		"RateLimit-Policy: \"client\";q=3;w=1\nRateLimit: \"client\";r=1;t=1\n",
		"RateLimit-Policy: \"client\";q=3;w=1\nRateLimit: \"client\";r=0;t=1\n",
		"429 Retry-After: 1\nRateLimit-Policy: \"client\";q=3;w=1\nRateLimit: \"client\";r=0;t=1\n",
	} {
		if got := tells(s, from("192.0.2.1")); got != want {
			t.Errorf("request %d: got\n%swant\n%s", i, got, want)
		}
	}
	if got, want := tells(s, from("192.0.2.2")), "RateLimit-Policy: \"client\";q=3;w=1\nRateLimit: \"client\";r=2;t=1\n"; got != want {
		t.Errorf("another client: got\n%s", got)
	}
}

// tells passes x through s, and returns the fields that the client gets, behind the status of a refusal.
func tells(s http7.Step, x *http7.Exchange) string {
	status := ""
	if v := s.Request.Request(x); v.Act == http7.Reply {
		http7.FaultAnswer(x, v.Fault)
		status = strconv.Itoa(x.Answer.Status) + " "
		for x.Answer.Header.Len() > 0 { // those of every fault
			x.Answer.Header.DelAt(0)
		}
	} else {
		x.LocalAnswer(200)
	}
	if s.Response != nil {
		s.Response.Response(x)
	}
	s.End.End(x, x.Word)
	return status + strings.ReplaceAll(string(x.Answer.Header.AppendLines(nil, 0)), "\r\n", "\n")
}

func TestARefusalIs429WithAReasonAndATimeOnEveryProtocol(t *testing.T) {
	c := new(clock)
	l := limits(func(c *Config) { c.Rate, c.Burst, c.Name = rate("6/m"), 1, "slow" })
	steps := compiled(t, l, policytest.NewProcess().Needs(), c)
	if admitted(steps[0], "192.0.2.7") != 1 {
		t.Fatal("not one admitted")
	}
	r := testkit.Policy(t, steps, get, answer)
	if r.Status != 429 || !strings.Contains(r.Body, `"fault":"rate_limited"`) || !strings.Contains(r.Body, `"violated-policies":["slow"]`) {
		t.Errorf("got %d %s", r.Status, r.Body)
	}
	for _, want := range []string{"Retry-After: 10\n", "RateLimit-Policy: \"slow\";q=1;w=10\n", "RateLimit: \"slow\";r=0;t=10\n", "Content-Type: application/problem+json\n"} {
		if !strings.Contains(r.Answer, want) {
			t.Errorf("%q is not in\n%s", want, r.Answer)
		}
	}
	grpc := testkit.Policy(t, steps, "POST /a.B/C HTTP/1.1\nHost: h\nContent-Type: application/grpc\nContent-Length: 0\n\n", answer)
	if grpc.Status != 200 || !strings.Contains(grpc.Answer, "grpc-status: 8\n") || !strings.Contains(grpc.Answer, "Retry-After: 10\n") {
		t.Errorf("gRPC gets %d\n%s", grpc.Status, grpc.Answer)
	}
}

func rate(text string) conf.Rate {
	r, ok := conf.RateOf(text)
	if !ok {
		panic(text)
	}
	return r
}

func TestWithoutFieldsOnlyRefusalsSaySomething(t *testing.T) {
	c := new(clock)
	s := compiled(t, limits(func(c *Config) { c.Fields, c.Burst = false, 1 }), policytest.NewProcess().Needs(), c)[0]
	if got := tells(s, from("192.0.2.1")); got != "" {
		t.Errorf("admitted: told %s", got)
	}
	if got := tells(s, from("192.0.2.1")); got != "429 Retry-After: 1\n" {
		t.Errorf("refused: told %s", got)
	}
}

func TestWhatAnEndpointSaysOfItsOwnLimitsStays(t *testing.T) {
	s := compiled(t, limits(plain), policytest.NewProcess().Needs(), new(clock))[0]
	x := from("192.0.2.1")
	s.Request.Request(x)
	h := &x.LocalAnswer(503).Header
	h.AddRaw([]byte("Retry-After"), []byte("7"))
	h.AddRaw([]byte("RateLimit"), []byte(`"theirs";r=5`))
	s.Response.Response(x)
	got := string(h.AppendLines(nil, 0))
	for _, want := range []string{"Retry-After: 7\r\n", "RateLimit: \"theirs\";r=5\r\n", "RateLimit: \"client\";r=2;t=1\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestKeysAreCountedApart(t *testing.T) {
	for _, c := range []struct {
		key  []string
		a, b func(x *http7.Exchange)
		same bool
	}{
		{nil, to("192.0.2.1"), to("192.0.2.2"), false},
		{nil, to("2001:db8:1:2:3::4"), to("2001:db8:1:2:ffff::1"), true},
		{nil, to("2001:db8:1:2::4"), to("2001:db8:1:3::4"), false},
		{nil, to("::ffff:192.0.2.1"), to("192.0.2.1"), true},
		{nil, to("::ffff:192.0.2.1"), to("::ffff:192.0.2.2"), false},
		{[]string{"client"}, to("fe80::1%eth0"), to("fe80::2%eth1"), true},
		{[]string{"consumer"}, func(x *http7.Exchange) { x.Consumer = "a" }, func(x *http7.Exchange) { x.Consumer = "b" }, false},
		{[]string{"consumer"}, func(x *http7.Exchange) {}, to("192.0.2.9"), true},
		{[]string{"header:X-Tenant"}, header("X-Tenant", "a"), header("x-tenant", "a"), true},
		{[]string{"header:X-Tenant"}, header("X-Tenant", "a"), header("X-Tenant", "b"), false},
		{[]string{"header:X-Tenant"}, header("X-Tenant", strings.Repeat("a", 900)), header("X-Tenant", strings.Repeat("a", 899)+"b"), false},
		{[]string{"header:X-Tenant"}, header("X-Tenant", ""), func(*http7.Exchange) {}, false},
		{[]string{"claim:sub"}, claim("sub", "a"), claim("sub", "b"), false},
		{[]string{"route"}, to("192.0.2.1"), to("192.0.2.2"), true},
		{[]string{"client", "header:X-Tenant"}, header("X-Tenant", "a"), header("X-Tenant", "b"), false},
		{[]string{"method", "path"}, to("192.0.2.1"), to("192.0.2.2"), true},
	} {
		s := compiled(t, limits(keyed(c.key...)), policytest.NewProcess().Needs(), new(clock))[0]
		count := func(change func(*http7.Exchange)) (n int) {
			for ; ; n++ {
				x := from("198.51.100.1")
				if change(x); s.Request.Request(x).Act != http7.Go {
					return n
				}
				if len(c.key) == 1 && c.key[0] == "client" && x.Client.Zone() == "" && x.Client.Is6() && !x.Client.Is4In6() {
					t.Errorf("the client is %v afterwards", x.Client)
				}
			}
		}
		if a, b := count(c.a), count(c.b); a != 3 || (b == 0) != c.same {
			t.Errorf("%v: %d admitted and then %d; the same key: %v", c.key, a, b, c.same)
		}
	}
}

func to(client string) func(*http7.Exchange) {
	return func(x *http7.Exchange) { x.Client = from(client).Client }
}

func header(name, value string) func(*http7.Exchange) {
	return func(x *http7.Exchange) { x.Request.AddRaw([]byte(name), []byte(value)) }
}

func claim(name, value string) func(*http7.Exchange) {
	return func(x *http7.Exchange) { x.Claims = append(x.Claims, http7.Claim{Name: name, Value: []byte(value)}) }
}

func TestAllLimitsMustAdmitAndARefusalTakesNothingOfTheOthers(t *testing.T) {
	c := new(clock)
	l := limits(func(c *Config) { c.Burst = 5 }, func(c *Config) { c.Key, c.Rate, c.Burst = selectors("route"), rate("1/m"), 2 })
	s := compiled(t, l, policytest.NewProcess().Needs(), c)[0]
	if n := admitted(s, "192.0.2.1"); n != 2 {
		t.Fatalf("%d admitted, want 2", n)
	}
	for range 10 {
		if n := admitted(s, "192.0.2.1"); n != 0 {
			t.Fatalf("%d admitted, want none", n)
		}
	}
	th := s.Request.(*throttle)
	a := th.limits[0].ask(from("192.0.2.1"))
	if g := th.limits[0].held.table.Look(&a); g.Left != 2 {
		t.Errorf("the client's limit has %d left beside the one looked for, want 2: refusals took some", g.Left)
	}
	// Both fields mean the same moment.
	if got := tells(s, from("192.0.2.1")); !strings.Contains(got, "RateLimit: \"route\";r=0;t=60") ||
		!strings.Contains(got, "RateLimit-Policy: \"client\";q=5;w=1, \"route\";q=2;w=120") || !strings.HasPrefix(got, "429 Retry-After: 60\n") {
		t.Errorf("told\n%s", got)
	}
}

func TestTheLimitWithTheLeastLeftIsTold(t *testing.T) {
	l := limits(func(c *Config) { c.Burst = 2 }, func(c *Config) { c.Key, c.Burst = selectors("route"), 9 })
	s := compiled(t, l, policytest.NewProcess().Needs(), new(clock))[0]
	if got := tells(s, from("192.0.2.1")); !strings.Contains(got, "RateLimit: \"client\";r=1;t=1\n") {
		t.Errorf("told\n%s", got)
	}
}

func TestConsumersMayHaveLimitsOfTheirOwn(t *testing.T) {
	for _, c := range []struct {
		own         bool
		rate, burst string
		want        int
		policy      string
	}{
		{true, "", "", 3, `"client";q=3;w=1`},
		{false, "100/s", "50", 3, `"client";q=3;w=1`},
		{true, "100/s", "50", 50, `"client";q=50;w=1`},
		{true, "100/s", "", 100, `"client";q=100;w=1`},
		{true, "1/m", "", 1, `"client";q=1;w=60`},
		{true, "", "7", 7, `"client";q=7;w=1`},
		{true, "lots", "many", 3, `"client";q=3;w=1`},
		{true, "0/s", "-1", 3, `"client";q=3;w=1`},
		{true, "1/d", "1000000000", 3, `"client";q=3;w=1`}, // would never come back
		{true, "99999999999999999999/s", "99999999999999999999", 3, `"client";q=3;w=1`},
	} {
		s := compiled(t, limits(func(l *Config) { l.OwnLimits = c.own }), policytest.NewProcess().Needs(), new(clock))[0]
		n := 0
		for ; ; n++ {
			x := from("192.0.2.1")
			for name, value := range map[string]string{"rate": c.rate, "burst": c.burst} {
				if value != "" {
					claim(name, value)(x)
				}
			}
			got := tells(s, x)
			if !strings.Contains(got, "RateLimit-Policy: "+c.policy+"\n") {
				t.Errorf("%+v: told\n%s", c, got)
			}
			if strings.HasPrefix(got, "429") {
				break
			}
		}
		if n != c.want {
			t.Errorf("%+v: %d admitted", c, n)
		}
	}
}

func TestACostIsTakenWhole(t *testing.T) {
	c := new(clock)
	s := compiled(t, limits(func(c *Config) { c.Burst, c.Cost = 10, 4 }), policytest.NewProcess().Needs(), c)[0]
	if n := admitted(s, "192.0.2.1"); n != 2 {
		t.Errorf("%d admitted, want 2", n)
	}
	c.pass(200 * time.Millisecond)
	if n := admitted(s, "192.0.2.1"); n != 1 {
		t.Errorf("%d admitted when two tokens came, want 1", n)
	}
}

func TestObserveCountsLikeEnforceAndDoesNothing(t *testing.T) {
	replay := func(mode conf.Mode, l List) (refused []int, changed bool) {
		c := new(clock)
		for i := range l {
			l[i].Mode = mode
		}
		s := compiled(t, l, policytest.NewProcess().Needs(), c)[0]
		for i := range 2000 {
			x := from("192.0.2." + strconv.Itoa(i%3+1))
			v := s.Request.Request(x)
			if v.Act == http7.Reply {
				refused = append(refused, i)
			}
			if mode == conf.Observe {
				changed = changed || s.Response != nil || v.Act == http7.Wait || len(x.Problem.Members) > 0 || x.Word != 0 || s.Mode != http7.Observe
			}
			c.pass(17 * time.Millisecond)
			s.End.End(x, x.Word)
		}
		return refused, changed
	}
	slow := func(c *Config) { keyed("route")(c); c.Rate, c.Burst = rate("15/s"), 2 }
	for _, l := range []func() List{
		func() List { return limits(plain) },
		func() List { return limits(delaying(50 * time.Millisecond)) },
		func() List { return limits(func(c *Config) { c.Burst = 1 }) },
		func() List { return limits(plain, slow) },
		func() List { return limits(slow, func(c *Config) { c.Rate = conf.PerSecond(5) }) },
	} {
		enforced, _ := replay(conf.Enforce, l())
		observed, changed := replay(conf.Observe, l())
		if !slices.Equal(enforced, observed) || len(enforced) == 0 || changed {
			t.Errorf("%+v: enforce refuses %d, observe %d, changes something: %v", l(), len(enforced), len(observed), changed)
		}
	}
}

func TestObservedDelaysAreRemarked(t *testing.T) {
	s := compiled(t, limits(func(c *Config) { delaying(time.Second)(c); c.Mode = conf.Observe }), policytest.NewProcess().Needs(), new(clock))[0]
	admitting := 0
	for range 13 {
		x := from("192.0.2.1")
		v := s.Request.Request(x)
		if v.Act == http7.Go && slices.Equal(x.Verdicts, []string{`edge.rate_limit:would delay by "client"`}) {
			admitting++
		}
	}
	if admitting != 10 {
		t.Errorf("%d would be delayed, want 10: a second's worth", admitting)
	}
}

func TestADryRunTakesNothing(t *testing.T) {
	s := compiled(t, limits(plain, delaying(time.Second)), policytest.NewProcess().Needs(), new(clock))[0]
	dry := func() (http7.Verdict, *http7.Exchange) {
		x := from("192.0.2.1")
		x.Dry = true
		return s.Request.Request(x), x
	}
	for range 100 {
		if v, _ := dry(); v.Act != http7.Go {
			t.Fatal("a dry run was refused")
		}
	}
	if n := admitted(s, "192.0.2.1"); n != 3 {
		t.Errorf("%d admitted after dry runs, want 3", n)
	}
	if v, x := dry(); v.Fault != exceeded || x.Cause == nil {
		t.Errorf("a dry run of what would be refused: %+v", v)
	}
}

func TestADryRunNotesAWaitAndGoesOn(t *testing.T) {
	s := compiled(t, limits(delaying(time.Second)), policytest.NewProcess().Needs(), new(clock))[0]
	for range 3 {
		s.Request.Request(from("192.0.2.1"))
	}
	x := from("192.0.2.1")
	x.Dry = true
	if v := s.Request.Request(x); v.Act != http7.Go || !slices.Equal(x.Verdicts, []string{`edge.rate_limit:would delay by "client"`}) {
		t.Errorf("got %+v, %q", v, x.Verdicts)
	}
}

func TestALogThatLacksTheKeyDecidesNothing(t *testing.T) {
	s := compiled(t, limits(keyed("header:X-Tenant", "claim:Sub", "cookie:uid", "query:q")), policytest.NewProcess().Needs(), new(clock))[0]
	want := []string{"header:x-tenant", "claim:Sub", "cookie:uid"}
	if !slices.Equal(s.Reads, want) {
		t.Errorf("reads %q, want %q", s.Reads, want)
	}
	x := from("192.0.2.1")
	x.Dry, x.Recorded = true, &http7.Recorded{}
	if v := s.Request.Request(x); v.Act != http7.Go || !slices.Equal(x.Recorded.Missed, want) {
		t.Errorf("got %+v, missed %q", v, x.Recorded.Missed)
	}
}

func TestBucketsOutlastAReloadThatLeavesTheLimitAsItWas(t *testing.T) {
	p := policytest.NewProcess()
	first := p.Needs()
	l := limits(plain, keyed("route"))
	if n := admitted(compiled(t, l, first, nil)[0], "192.0.2.1"); n != 3 {
		t.Fatalf("%d admitted, want 3", n)
	}
	second := p.Needs()
	s := compiled(t, l, second, nil)[0]
	first.Turn.End()
	if n := admitted(s, "192.0.2.1"); n > 1 { // a tenth of a second may have passed
		t.Errorf("%d admitted after a reload", n)
	}
	if p.Levels() != 4 {
		t.Errorf("%d levels are shown", p.Levels())
	}
	third := p.Needs()
	l[0].Burst = 2
	s = compiled(t, l[:1], third, nil)[0]
	second.Turn.End()
	if n := admitted(s, "192.0.2.1"); n != 2 {
		t.Errorf("%d admitted of a new limit, want 2", n)
	}
	third.Turn.End()
	if p.Levels() != 0 {
		t.Errorf("%d levels are left", p.Levels())
	}
}

func TestAFloodOfKeysIsCounted(t *testing.T) {
	p := policytest.NewProcess()
	s := compiled(t, limits(func(c *Config) { keyed("header:K")(c); c.Keys, c.Rate, c.Burst = 10, rate("1/d"), 1 }), p.Needs(), nil)[0]
	admitted := 0
	for i := range 1000 {
		x := from("192.0.2.1")
		header("K", strconv.Itoa(i))(x)
		if s.Request.Request(x).Act == http7.Go {
			admitted++
		}
	}
	n := p.Count("edge.rate_limit overflow")
	if n == 0 || admitted > 64+1 || p.Level("edge.rate_limit client keys") >= 0 || p.Level("edge.rate_limit header:K keys") != 64 {
		t.Errorf("%d admitted, %d overflowed", admitted, n)
	}
}

func TestTenThousandClientsAtOnceGetTheLimitAndNoMore(t *testing.T) {
	span := 2 * time.Second
	if testing.Short() {
		span /= 10
	}
	c := new(clock)
	l := limits(func(c *Config) { c.Rate, c.Burst = conf.PerSecond(20_000), 400 })
	s := compiled(t, l, policytest.NewProcess().Needs(), c)[0]
	var got atomic.Int64
	var all sync.WaitGroup
	for range 10_000 {
		all.Go(func() {
			x := from("192.0.2.1")
			for c.now() < int64(span) {
				if s.Request.Request(x).Act == http7.Go {
					got.Add(1)
				}
				s.End.End(x, x.Word)
				x.Release()
				x.Client = from("192.0.2.1").Client
				c.pass(9 * time.Microsecond)
			}
		})
	}
	all.Wait()
	// Some asked for the last time before the clock stood still.
	most, asked := 400+c.now()/int64(50*time.Microsecond), 400+int64(span/(50*time.Microsecond))
	if n := got.Load(); n > most || n < asked*99/100 {
		t.Errorf("%d admitted, want at most %d and at least 99 %% of %d", n, most, asked)
	}
}
