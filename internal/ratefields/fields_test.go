package ratefields

import (
	"math"
	"testing"
	"time"
)

func TestFieldsAreListsOfItems(t *testing.T) {
	for _, c := range []struct {
		name        string
		quota, left int64
		window      time.Duration
		policy, now string
	}{
		{"client", 20, 19, 2 * time.Second, `"client";q=20;w=2`, `"client";r=19;t=2`},
		{"a+b", 1, 0, time.Millisecond, `"a+b";q=1;w=1`, `"a+b";r=0;t=1`},
		{"n", 1, -5, 0, `"n";q=1;w=1`, `"n";r=0;t=0`},
		{"n", math.MaxInt64, math.MaxInt64, math.MaxInt64, `"n";q=999999999999999;w=9223372037`, `"n";r=999999999999999;t=9223372037`},
	} {
		if got := string(AppendPolicy(nil, c.name, c.quota, c.window)); got != c.policy {
			t.Errorf("%+v: the policy is %s", c, got)
		}
		if got := string(AppendLeft(nil, c.name, c.left, c.window)); got != c.now {
			t.Errorf("%+v: left is %s", c, got)
		}
	}
	two := AppendPolicy(AppendPolicy(nil, "a", 1, time.Second), "b", 2, time.Minute)
	if want := `"a";q=1;w=1, "b";q=2;w=60`; string(two) != want {
		t.Errorf("two policies are %s, want %s", two, want)
	}
}

func TestSecondsAreRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]int64{
		-1: 0, 0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, 1500 * time.Millisecond: 2, time.Hour: 3600,
	} {
		if got := Seconds(d); got != want {
			t.Errorf("%v is %d seconds, want %d", d, got, want)
		}
		if got := string(AppendRetry(nil, d)); want == 0 && got != "1" {
			t.Errorf("after %v: retry after %s, want 1", d, got)
		}
	}
}

func TestFieldsAllocateNothing(t *testing.T) {
	room := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(1000, func() {
		room = AppendLeft(AppendPolicy(room[:0], "client", 20, time.Minute), "client", 7, time.Second)
	}); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}
