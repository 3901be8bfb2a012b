package conf

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRatesAreACountAndAUnit(t *testing.T) {
	for _, c := range []struct {
		text  string
		count int64
		span  time.Duration
		wrong string
	}{
		{"100/s", 100, time.Second, ""},
		{"6000/m", 6000, time.Minute, ""},
		{"1/h", 1, time.Hour, ""},
		{"1000/d", 1000, 24 * time.Hour, ""},
		{"1000000/s", 1_000_000, time.Second, ""},
		{"86400000000/d", 86_400_000_000, 24 * time.Hour, ""},
		{"1000001/s", 0, 0, "it is more than 1000000/s"},
		{"99999999999999999999/s", 0, 0, "it is more than 1000000/s"},
		{"0/s", 0, 0, "it is none at all"},
		{"", 0, 0, "is not a rate"},
		{"/s", 0, 0, "is not a rate"},
		{"100", 0, 0, "is not a rate"},
		{"100/", 0, 0, "is not a rate"},
		{"100 per sec", 0, 0, "is not a rate"},
		{"100/sec", 0, 0, "is not a rate"},
		{"1.5/s", 0, 0, "is not a rate"},
		{"-1/s", 0, 0, "is not a rate"},
		{"+1/s", 0, 0, "is not a rate"},
		{"1/s/s", 0, 0, "is not a rate"},
		{"off", 0, 0, "is not a rate"},
	} {
		var r Rate
		err := r.UnmarshalText([]byte(c.text))
		quick, ok := RateOf(c.text)
		if r.Count() != c.count || r.Span() != c.span || quick != r || ok != (c.wrong == "") {
			t.Errorf("%q is %d in %v, %v; read quickly %v, %v", c.text, r.Count(), r.Span(), err, quick, ok)
		}
		var bad *BadValue
		switch {
		case c.wrong == "" && (err != nil || r.String() != c.text || r.IsZero()):
			t.Errorf("%q is %q, %v", c.text, r, err)
		case c.wrong != "" && (!errors.As(err, &bad) || !strings.Contains(bad.Text, c.wrong) || bad.Hint == "" || !r.IsZero()):
			t.Errorf("%q: %+v, want %q", c.text, err, c.wrong)
		}
	}
	if (Rate{}).String() != "" || PerSecond(5).String() != "5/s" {
		t.Error("rates are written wrongly")
	}
}

func TestARateIsReadQuicklyWithoutAllocating(t *testing.T) {
	text := []byte("6000/m")
	if n := testing.AllocsPerRun(100, func() { RateOf(text) }); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

// FuzzRate: both readers agree, and what is read is written as it was meant.
func FuzzRate(f *testing.F) {
	for _, s := range []string{"100/s", "007/m", "0/d", "1000000/s", "999999999999999/d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r Rate
		err := r.UnmarshalText([]byte(text))
		quick, ok := RateOf(text)
		if (err == nil) != ok || quick != r {
			t.Errorf("%q is %v, %v and %v, %v", text, r, err, quick, ok)
		}
		if again, _ := RateOf(r.String()); ok && again != r {
			t.Errorf("%q is written %q", text, r)
		}
	})
}
