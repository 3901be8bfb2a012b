package lb

import (
	"errors"
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
)

func TestHowMaxInFlightIsWritten(t *testing.T) {
	for _, c := range []struct {
		text string
		want MaxInFlight
		back string // "": it is not a limit
	}{
		{"200", AtMost(200), "200"},
		{" 1 ", AtMost(1), "1"},
		{"1000000", AtMost(1_000_000), "1000000"},
		{"off", MaxInFlight{}, "off"},
		{"adaptive", Adaptive(), "adaptive"},
		{"0", MaxInFlight{}, ""},
		{"-3", MaxInFlight{}, ""},
		{"1000001", MaxInFlight{}, ""},
		{"2.5", MaxInFlight{}, ""},
		{"Adaptive", MaxInFlight{}, ""},
		{"", MaxInFlight{}, ""},
	} {
		var m MaxInFlight
		err := m.UnmarshalText([]byte(c.text))
		var bad *conf.BadValue
		switch {
		case c.back == "":
			if !errors.As(err, &bad) || bad.Hint == "" || !strings.Contains(bad.Text, "is not a limit of uses in flight") {
				t.Errorf("%q is read as %v, %v", c.text, m, err)
			}
		case err != nil || m != c.want:
			t.Errorf("%q is read as %v, %v; want %v", c.text, m, err, c.want)
		default:
			if text, _ := m.MarshalText(); string(text) != c.back {
				t.Errorf("%q is written as %q", c.text, text)
			}
		}
	}
}

func FuzzMaxInFlight(f *testing.F) {
	for _, s := range []string{"200", "off", "adaptive", "0", "-1", "99999999999999999999", " 7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var m, again MaxInFlight
		if m.UnmarshalText([]byte(text)) != nil {
			return
		}
		if m.IsAdaptive() && m.Value() != 0 || m.IsOff() && m.Value() != 0 || m.Value() < 0 {
			t.Errorf("%q is %+v", text, m)
		}
		if err := again.UnmarshalText([]byte(m.String())); err != nil || again != m {
			t.Errorf("%q is %v, which is read as %v, %v", text, m, again, err)
		}
	})
}

func TestWhatAQueueAndABreakerMayBe(t *testing.T) {
	for _, c := range []struct {
		what  string
		check func(*conf.Problems)
		want  []string // the keys of the problems
	}{
		{"the default queue", new(DefaultQueue()).Check, nil},
		{"no queue", (&QueueConfig{Timeout: conf.Dur(time.Second)}).Check, nil},
		{"a queue of less than none", (&QueueConfig{Size: -1, Timeout: conf.Dur(time.Second)}).Check, []string{"size"}},
		{"a wait without an end", (&QueueConfig{Size: 1, Timeout: conf.OffDuration}).Check, []string{"timeout"}},
		{"a wait of no time", (&QueueConfig{Size: 1}).Check, []string{"timeout"}},
		{"the default breaker", new(DefaultBreaker()).Check, nil},
		{"nothing fits", (&BreakerConfig{FailureRate: conf.Percent(101), Open: conf.OffDuration}).Check, []string{"failure_rate", "min_requests", "open"}},
		{"always open", (&BreakerConfig{MinRequests: 1, Open: conf.Dur(time.Second)}).Check, []string{"failure_rate"}},
		{"never open", (&BreakerConfig{FailureRate: conf.Percent(50), MinRequests: 1}).Check, []string{"open"}},
	} {
		p := conf.NewProblems()
		c.check(p)
		var got []string
		for _, problem := range p.List() {
			got = append(got, problem.Path.String())
		}
		if strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: problems at %q, want %q", c.what, got, c.want)
		}
	}
}
