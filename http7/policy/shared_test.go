package policy_test

import (
	"strconv"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/internal/shared"
)

// unasked is a limit of a store that does not run: what is asked for stays unanswered.
func unasked(t *testing.T, burst int64, onFailure string) *policy.SharedLimit {
	t.Helper()
	c := shared.Default()
	c.Redis, c.OnFailure = "redis://localhost", onFailure
	store, err := shared.New(c, shared.Needs{})
	if err != nil {
		t.Fatal(err)
	}
	return &policy.SharedLimit{Limit: store.Rate("edge.rate_limit.client", 0.001, burst)}
}

func TestAnExchangeWaitsForWhatWasAskedForIt(t *testing.T) {
	for _, c := range []struct {
		onFailure string
		want      []shared.Outcome // of one request after the other
	}{
		{"local", []shared.Outcome{shared.Taken, shared.Taken, shared.Refused}},
		{"open", []shared.Outcome{shared.Taken, shared.Taken, shared.Taken}},
		{"closed", []shared.Outcome{shared.Unavailable, shared.Unavailable, shared.Unavailable}},
	} {
		l := unasked(t, 2, c.onFailure)
		for i, want := range c.want {
			x := &http7.Exchange{}
			if a, asked := l.Take(x, []byte("key"), 1, time.Now()); !asked || a.Outcome != shared.Unknown || !l.Waits(x) {
				t.Errorf("%s: request %d: %+v, asked %v, waits %v", c.onFailure, i, a, asked, l.Waits(x))
			}
			if a := l.Settle(x, time.Now()); a.Outcome != want || l.Waits(x) {
				t.Errorf("%s: request %d came to %+v, want %d", c.onFailure, i, a, want)
			}
			x.Release()
		}
	}
}

// Whatever is to happen to requests that nobody could be asked about, an observed limit counts.
func TestWhoOnlyObservesGuesses(t *testing.T) {
	for _, onFailure := range []string{"local", "open", "closed"} {
		l := unasked(t, 2, onFailure)
		for i, want := range []shared.Outcome{shared.Taken, shared.Taken, shared.Refused} {
			x := &http7.Exchange{}
			if _, asked := l.Take(x, []byte("key"), 1, time.Now()); !asked {
				t.Fatal("not asked")
			}
			if a := l.Guess(x, time.Now()); a.Outcome != want || l.Waits(x) {
				t.Errorf("%s: request %d came to %+v, want %d", onFailure, i, a, want)
			}
		}
	}
}

func TestWhoDoesNotWaitIsToldNothing(t *testing.T) {
	l, x := unasked(t, 2, "local"), &http7.Exchange{}
	if a, b := l.Settle(x, time.Now()), l.Guess(x, time.Now()); l.Waits(x) || a.Outcome != shared.Unavailable || b.Outcome != shared.Unavailable {
		t.Errorf("%+v, %+v", a, b)
	}
}

// A request with several limits waits for no longer than one with a single one.
func TestWaitsOfOneExchangeShareTheTimeout(t *testing.T) {
	c := shared.Default()
	c.Redis = "redis://localhost"
	store, err := shared.New(c, shared.Needs{})
	if err != nil {
		t.Fatal(err)
	}
	timeout, at := c.Timeout.Value(), time.Now()
	x := &http7.Exchange{Arrival: at}
	for i, step := range []struct {
		waits time.Duration // of the limit that is asked for
		asked bool
		left  time.Duration
	}{
		{timeout / 4, true, timeout * 3 / 4},
		{timeout / 2, true, timeout / 4},
		{timeout / 2, true, -timeout / 4}, // timers are late
		{0, false, -timeout / 4},
	} {
		l := &policy.SharedLimit{Limit: store.Rate(strconv.Itoa(i), 1, 10)}
		a, asked := l.Take(x, []byte("key"), 1, at)
		if asked != step.asked || asked == (a.Outcome == shared.Taken) {
			t.Errorf("limit %d: %+v, asked %v, want %v", i, a, asked, step.asked)
		}
		if at = at.Add(step.waits); asked {
			if a = l.Settle(x, at); a.Outcome != shared.Taken {
				t.Errorf("limit %d came to %+v", i, a)
			}
		}
		if got := l.Patience(x); got != step.left {
			t.Errorf("behind limit %d it may wait for %v, want %v", i, got, step.left)
		}
		at = at.Add(time.Second) // what others take does not count
	}
	if l := (&policy.SharedLimit{Limit: store.Rate("a", 1, 10)}); l.Patience(&http7.Exchange{}) != timeout {
		t.Error("another exchange has waited")
	}
}
