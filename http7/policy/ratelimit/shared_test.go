package ratelimit

import (
	"slices"
	"testing"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/shared"
)

// lonely returns the only step of l beside a store whose server does not answer, and that nobody runs.
func lonely(t *testing.T, failure string, l List) http7.Step {
	t.Helper()
	c := shared.Default()
	c.Redis, c.OnFailure = "redis://127.0.0.1:1/0", failure
	store, err := shared.New(c, shared.Needs{})
	if err != nil {
		t.Fatal(err)
	}
	needs := policytest.NewProcess().Needs()
	needs.Shared = store
	return compiled(t, l, needs, nil)[0]
}

func common(c *Config) { c.Scope, c.Rate, c.Burst = scopeShared, rate("1/h"), 3 }

func TestASharedLimitWithoutItsServerDoesWhatIsConfigured(t *testing.T) {
	for failure, want := range map[string]int{"local": 3, "open": 40, "closed": 0} {
		s := lonely(t, failure, limits(common))
		n := 0
		for range 40 {
			x := from("192.0.2.1")
			v := s.Request.Request(x)
			for v.Act == http7.Wait {
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
			t.Errorf("%s: %d of 40 admitted, want %d", failure, n, want)
		}
	}
}

func TestAWakeBeforeTheAnswerIsThereGoesOnWaiting(t *testing.T) {
	s := lonely(t, "local", limits(common, plain))
	x := from("192.0.2.1")
	first := s.Request.Request(x)
	if first.Act != http7.Wait {
		t.Fatalf("got %+v", first)
	}
	again := s.Request.(http7.Resumer).Resume(x, http7.Woken)
	if again.Act != http7.Wait || again.Until.Sub(first.Until).Abs() > shared.Default().Timeout.Value() {
		t.Errorf("first %+v, after a wake %+v", first, again)
	}
	if v := s.Request.(http7.Resumer).Resume(x, http7.Expired); v.Act != http7.Go || x.Word != 0 {
		t.Errorf("when the time is up: %+v", v)
	}
	s.End.End(x, x.Word)
}

func TestARequestThatLeavesWhileItWaitsForTheServer(t *testing.T) {
	s := lonely(t, "local", limits(common))
	x := from("192.0.2.1")
	if v := s.Request.Request(x); v.Act != http7.Wait || x.Word == 0 {
		t.Fatalf("got %+v", v)
	}
	s.End.End(x, x.Word)
	if l := s.Request.(*throttle).limits[0]; l.shared.Waits(x) {
		t.Error("it waits still")
	}
}

func TestAnObservedSharedLimitDelaysNobody(t *testing.T) {
	s := lonely(t, "closed", limits(func(c *Config) { common(c); c.Mode = conf.Observe }))
	refused := 0
	for range 10 {
		x := from("192.0.2.1")
		switch v := s.Request.Request(x); v.Act {
		case http7.Wait:
			t.Fatal("it waits")
		case http7.Reply:
			refused++
		}
		s.End.End(x, x.Word)
	}
	if refused != 7 {
		t.Errorf("%d of 10 would be refused, want 7: what this node makes of it", refused)
	}
}

func TestADryRunAsksNobody(t *testing.T) {
	s := lonely(t, "closed", limits(common))
	x := from("192.0.2.1")
	x.Dry = true
	if v := s.Request.Request(x); v.Act != http7.Go || !slices.Equal(x.Verdicts, []string{"edge.rate_limit:unknown: would ask what nodes share"}) {
		t.Errorf("got %+v, %q", v, x.Verdicts)
	}
}
