package acme

import (
	"crypto/x509"
	"testing"
	"testing/quick"
	"time"
)

// day0 is when certificates of these tests begin.
var day0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// living is a certificate that is valid for so long.
func living(life time.Duration) *x509.Certificate {
	return &x509.Certificate{NotBefore: day0, NotAfter: day0.Add(life - time.Second)}
}

func TestRenewalIsDueWhenTheAuthorityOrTheLifetimeSays(t *testing.T) {
	around := func(start, end, chosen time.Duration) window {
		return window{day0.Add(start), day0.Add(end), day0.Add(chosen)}
	}
	for name, tc := range map[string]struct {
		life    time.Duration
		window  window
		renewed time.Duration // -1: not by this process
		want    time.Duration
	}{
		"without a window, after two thirds":                 {90 * day, window{}, -1, 60 * day},
		"a short life too":                                   {6 * day, window{}, -1, 4 * day},
		"in the authority's window":                          {90 * day, around(59*day, 61*day, 60*day+time.Hour), 0, 60*day + time.Hour},
		"at once, since it wants so":                         {90 * day, around(-2*day, -day, -day), -1, -day},
		"but an hour after the one before":                   {90 * day, around(-2*day, -day, -day), 0, time.Hour},
		"or half a life, if that is short":                   {20 * time.Minute, around(-time.Hour, -time.Hour+time.Minute, -time.Hour), 0, 10 * time.Minute},
		"a window beyond the end is not waited for":          {90 * day, around(100*day, 101*day, 100*day), -1, 90*day - 90*day/20},
		"a window as long as half the life says nothing":     {6 * day, around(0, 3*day, day), -1, 4 * day},
		"a window whose end comes first is still the chosen": {90 * day, around(61*day, 60*day, 60*day), -1, 60 * day},
	} {
		var renewed time.Time
		if tc.renewed >= 0 {
			renewed = day0.Add(tc.renewed)
		}
		if got := renewal(living(tc.life), tc.window, renewed); !got.Equal(day0.Add(tc.want)) {
			t.Errorf("%s: due after %v, want %v", name, got.Sub(day0), tc.want)
		}
	}
}

// Whatever an authority says, a certificate is renewed before it ends.
func TestRenewalIsAlwaysBeforeTheEnd(t *testing.T) {
	holds := func(life, start, span, chosen uint32, renewed int32) bool {
		leaf := living(time.Duration(life%400+1) * time.Hour)
		w := window{start: day0.Add(time.Duration(start) * time.Second)}
		w.end = w.start.Add(time.Duration(span%1_000_000) * time.Second)
		w.chosen = w.start.Add(time.Duration(chosen%1_000_000) * time.Second)
		var last time.Time
		if renewed > 0 {
			last = leaf.NotBefore
		}
		return renewal(leaf, w, last).Before(expiry(leaf))
	}
	if err := quick.Check(holds, nil); err != nil {
		t.Error(err)
	}
}

func TestPausesGrowAndSpareWhoeverRefuses(t *testing.T) {
	for _, tc := range []struct {
		failures int
		told     bool
		share    float64
		want     time.Duration
	}{
		{1, true, 0, 2 * time.Minute},
		{2, true, 0, 10 * time.Minute},
		{8, true, 0, 6 * time.Hour},
		{1000, true, 0, 6 * time.Hour},
		{1, true, 1, 2*time.Minute + 30*time.Second},
		{1, false, 0, time.Second},
		{4, false, 0, 8 * time.Second},
		{10, false, 0, 5 * time.Minute},
		{1 << 40, false, 0, 5 * time.Minute},
	} {
		if got := pause(tc.failures, tc.told, tc.share); got != tc.want {
			t.Errorf("failure %d, told %v: %v, want %v", tc.failures, tc.told, got, tc.want)
		}
	}
	var first time.Duration
	for n := 1; n <= 5; n++ {
		first += pause(n, true, 0)
	}
	if first < time.Hour { // Let's Encrypt counts five an hour
		t.Errorf("six attempts come within %v", first)
	}
}
