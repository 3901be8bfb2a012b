package rule

import (
	"testing"
	"time"
)

func TestWhatAStoredAnswerIsGoodFor(t *testing.T) {
	const tag = ` | ETag: "a"`
	for _, c := range []struct {
		section, answer string
		age             int64 // seconds since it came
		request         string
		want            Decision
	}{
		{"4.2: fresh", "Cache-Control: max-age=60", 59, "", Use},
		{"4.2: no longer fresh", "Cache-Control: max-age=60", 60, "", Validate},
		{"4.2: stale", "Cache-Control: max-age=60", 61, "", Validate},
		{"4.2.3: Age counts", "Cache-Control: max-age=60 | Age: 60", 0, "", Validate},
		{"4.2.3: Age counts", "Cache-Control: max-age=60 | Age: 50", 9, "", Use},
		{"5.2.2.1: max-age=0", "Cache-Control: max-age=0" + tag, 0, "", Validate},
		{"5.2.2.2: must-revalidate, fresh", "Cache-Control: max-age=60, must-revalidate", 59, "", Use},
		{"5.2.2.2: must-revalidate, stale", "Cache-Control: max-age=60, must-revalidate", 60, "", Validate},
		{"5.2.2.4: no-cache", "Cache-Control: max-age=60, no-cache" + tag, 0, "", Validate},
		{"5.2.2.4: no-cache with fields", `Cache-Control: max-age=60, no-cache="X-A"`, 0, "", Use},

		{"5.2.1.1: max-age, young", "Cache-Control: max-age=60", 10, "max-age=10", Use},
		{"5.2.1.1: max-age, too old", "Cache-Control: max-age=60", 11, "max-age=10", Validate},
		{"5.2.1.1: max-age=0", "Cache-Control: max-age=60", 0, "max-age=0", Validate},
		{"5.2.1.1: Age counts", "Cache-Control: max-age=3600 | Age: 1800", 0, "max-age=600", Validate},
		{"5.2.1.1: max-age beside max-stale", "Cache-Control: max-age=60", 70, "max-age=65, max-stale=60", Validate},
		{"5.2.1.2: max-stale", "Cache-Control: max-age=60", 70, "max-stale=10", UseStale},
		{"5.2.1.2: max-stale, too stale", "Cache-Control: max-age=60", 71, "max-stale=10", Validate},
		{"5.2.1.2: max-stale of any", "Cache-Control: max-age=60", 99999, "max-stale", UseStale},
		{"5.2.1.2: max-stale, stale from the beginning", "Cache-Control: max-age=1500 | Age: 2000", 0, "max-stale=1000", UseStale},
		{"5.2.1.2: max-stale, fresh", "Cache-Control: max-age=60", 0, "max-stale=10", Use},
		{"4.2.4: not against must-revalidate", "Cache-Control: max-age=60, must-revalidate", 61, "max-stale", Validate},
		{"4.2.4: not against proxy-revalidate", "Cache-Control: max-age=60, proxy-revalidate", 61, "max-stale", Validate},
		{"5.2.2.10: not against s-maxage", "Cache-Control: s-maxage=60", 61, "max-stale", Validate},
		{"4.2.4: not against no-cache", "Cache-Control: max-age=60, no-cache" + tag, 0, "max-stale", Validate},
		{"5.2.1.3: min-fresh", "Cache-Control: max-age=60", 50, "min-fresh=10", Use},
		{"5.2.1.3: min-fresh, not enough", "Cache-Control: max-age=60", 51, "min-fresh=10", Validate},
		{"5.2.1.3: min-fresh beyond the lifetime", "Cache-Control: max-age=1500", 0, "min-fresh=2000", Validate},
		{"5.2.1.3: min-fresh, stale", "Cache-Control: max-age=60", 61, "min-fresh=0, max-stale", Validate},
		{"5.2.1.4: no-cache", "Cache-Control: max-age=60", 0, "no-cache", Validate},
		{"5.2.1.4: no-cache beside max-stale", "Cache-Control: max-age=60", 61, "no-cache, max-stale", Validate},
		{"5.2.1.7: only-if-cached decides elsewhere", "Cache-Control: max-age=60", 0, "only-if-cached", Use},

		{"5861 3: in the window", "Cache-Control: max-age=60, stale-while-revalidate=30", 89, "", UseAndRenew},
		{"5861 3: behind it", "Cache-Control: max-age=60, stale-while-revalidate=30", 90, "", Validate},
		{"5861 3: from the beginning", "Cache-Control: max-age=0, stale-while-revalidate=30", 0, "", UseAndRenew},
		{"5861 3: a window of none", "Cache-Control: max-age=60, stale-while-revalidate=0", 60, "", Validate},
		{"5861 3: before max-stale", "Cache-Control: max-age=60, stale-while-revalidate=30", 70, "max-stale=60", UseAndRenew},
		{"5.2.1.2: max-stale bounds the window", "Cache-Control: max-age=60, stale-while-revalidate=30", 70, "max-stale=5", Validate},
		{"5.2.1.2: max-stale beyond the window", "Cache-Control: max-age=60, stale-while-revalidate=30", 100, "max-stale=60", UseStale},
		{"5.2.1.3: min-fresh closes the window", "Cache-Control: max-age=60, stale-while-revalidate=30", 61, "min-fresh=1", Validate},
		{"5.2.1.1: max-age closes the window", "Cache-Control: max-age=60, stale-while-revalidate=30", 61, "max-age=10", Validate},
		{"4.2.1: must-revalidate beats the window", "Cache-Control: max-age=60, must-revalidate, stale-while-revalidate=30", 61, "", Validate},
		{"4.2.1: s-maxage beats the window", "Cache-Control: s-maxage=60, stale-while-revalidate=30", 61, "", Validate},

		{"8246 2.1: max-age of a client", "Cache-Control: max-age=60, immutable", 10, "max-age=0", Use},
		{"8246 2.1: no-cache of a client", "Cache-Control: max-age=60, immutable", 10, "no-cache", Validate},
		{"8246 2.1: min-fresh of a client", "Cache-Control: max-age=60, immutable", 10, "max-age=0, min-fresh=55", Validate},
		{"8246 2: stale", "Cache-Control: max-age=60, immutable", 60, "", Validate},
		{"8246 2: stale", "Cache-Control: max-age=60, immutable, stale-while-revalidate=10", 60, "max-age=0", Validate},
	} {
		_, f := stored(t, c.answer)
		a := ReadAsks(fields("Cache-Control: " + c.request))
		if got := Serve(&f, &a, now+c.age*second); got != c.want {
			t.Errorf("RFC 9111 %s: %q after %d s for %q: %v, want %v", c.section, c.answer, c.age, c.request, got, c.want)
		}
	}
}

func TestAnAnswerOfAConfiguredLifetimeIsNotForThoseWithCredentials(t *testing.T) {
	cfg := &Config{TTL: time.Minute, StaleIfError: time.Hour}
	_, guessed := storedAs(t, get("", 200, ""), cfg)
	_, said := storedAs(t, get("", 200, "Cache-Control: max-age=60"), cfg)
	for _, c := range []struct {
		request     string
		wantGuessed Decision
		wantSaid    Decision
	}{
		{"", Use, Use},
		{"Cookie: a=b", Apart, Use},
		{"Authorization: x", Apart, Use},
		{"Cookie: a=b | Cache-Control: no-cache", Apart, Validate},
	} {
		a := ReadAsks(fields(c.request))
		if g, s := Serve(&guessed, &a, now), Serve(&said, &a, now); g != c.wantGuessed || s != c.wantSaid {
			t.Errorf("%q: %v and %v, want %v and %v", c.request, g, s, c.wantGuessed, c.wantSaid)
		}
		if got := OnError(&guessed, &a, now); got != (c.request == "") {
			t.Errorf("%q: in place of an error: %v", c.request, got)
		}
	}
}

func TestWhenAStoredAnswerStandsInForAnError(t *testing.T) {
	cfg := &Config{}
	quarter := &Config{StaleIfError: 15 * time.Minute, StaleWhileRevalidate: time.Minute}
	for _, c := range []struct {
		section, answer string
		cfg             *Config
		age             int64
		request         string
		want            bool
	}{
		{"4: in the window", "Cache-Control: max-age=60, stale-if-error=600", cfg, 659, "", true},
		{"4: behind it", "Cache-Control: max-age=60, stale-if-error=600", cfg, 660, "", false},
		{"4: no window", "Cache-Control: max-age=60", cfg, 61, "", false},
		{"4: the client's", "Cache-Control: max-age=60", cfg, 61, "stale-if-error=10", true},
		{"4: the client's, behind it", "Cache-Control: max-age=60", cfg, 70, "stale-if-error=10", false},
		{"4: the greater of both", "Cache-Control: max-age=60, stale-if-error=600", cfg, 600, "stale-if-error=10", true},
		{"4: the configured one", "Cache-Control: max-age=60", quarter, 700, "", true},
		{"4: a directive of 0 before the configured one", "Cache-Control: max-age=60, stale-if-error=0", quarter, 61, "", false},
		{"4: a broken directive before the configured one", "Cache-Control: max-age=60, stale-if-error=x", quarter, 61, "", false},
		{"9111 4.2.4: must-revalidate", "Cache-Control: max-age=60, must-revalidate, stale-if-error=600", quarter, 61, "", false},
		{"9111 4.2.4: proxy-revalidate", "Cache-Control: max-age=60, proxy-revalidate", quarter, 61, "", false},
		{"9111 5.2.2.10: s-maxage", "Cache-Control: s-maxage=60", quarter, 61, "stale-if-error=600", false},
		{"9111 4.2.4: no-cache", `Cache-Control: no-cache, stale-if-error=600 | ETag: "a"`, quarter, 0, "", false},
		{"9111 5.2.1.4: the client's no-cache", "Cache-Control: max-age=60, stale-if-error=600", cfg, 61, "no-cache", false},
		{"9111 5.2.1.1: the client's max-age", "Cache-Control: max-age=60, stale-if-error=600", cfg, 61, "max-age=0", false},
		{"9111 5.2.1.3: the client's min-fresh", "Cache-Control: max-age=60, stale-if-error=600", cfg, 61, "min-fresh=5", false},
		{"4: the client's max-age and its own window", "Cache-Control: max-age=60", cfg, 61, "max-age=0, stale-if-error=5", true},
		{"4: still fresh", "Cache-Control: max-age=60, stale-if-error=600", cfg, 10, "", true},
		{"4: still fresh, no window", "Cache-Control: max-age=60", cfg, 10, "", false},
	} {
		_, f := storedAs(t, get("", 200, c.answer), c.cfg)
		a := ReadAsks(fields("Cache-Control: " + c.request))
		if got := OnError(&f, &a, now+c.age*second); got != c.want {
			t.Errorf("RFC 5861 %s: %q after %d s for %q: %v, want %v", c.section, c.answer, c.age, c.request, got, c.want)
		}
	}
}

func TestWhichStatusesAreErrors(t *testing.T) {
	for status, want := range map[int]bool{500: true, 502: true, 503: true, 504: true, 501: false, 505: false, 404: false, 200: false, 429: false} {
		if IsError(status) != want {
			t.Errorf("RFC 5861 4: %d: %v, want %v", status, !want, want)
		}
	}
}

func TestTheConfiguredWindowIsForAnswersThatSayNothingOfIt(t *testing.T) {
	cfg := &Config{StaleWhileRevalidate: 10 * time.Second, StaleIfError: 1 << 62}
	for _, c := range []struct {
		answer     string
		while, err time.Duration
	}{
		{"Cache-Control: max-age=60", 10 * time.Second, 1 << 31 * time.Second},
		{"Cache-Control: max-age=60, stale-while-revalidate=5", 5 * time.Second, 1 << 31 * time.Second},
		{"Cache-Control: max-age=60, stale-if-error=5", 10 * time.Second, 5 * time.Second},
		{"Cache-Control: max-age=60, must-revalidate", 0, 0},
	} {
		_, f := storedAs(t, get("", 200, c.answer), cfg)
		if f.WhileRevalidate != c.while || f.IfError != c.err {
			t.Errorf("%q: %v and %v, want %v and %v", c.answer, f.WhileRevalidate, f.IfError, c.while, c.err)
		}
	}
}

func TestASoftPurgeMakesStale(t *testing.T) {
	_, f := stored(t, "Cache-Control: max-age=60, stale-while-revalidate=10")
	a := ReadAsks(fields(""))
	f.Expire(now + 5*second)
	if got := Serve(&f, &a, now+5*second); got != UseAndRenew {
		t.Errorf("just purged: %v", got)
	}
	if got := Serve(&f, &a, now+15*second); got != Validate {
		t.Errorf("10 s later: %v", got)
	}
	f.Expire(now + 90*second)
	if f.FreshUntil != now+5*second {
		t.Error("a purge made it fresh for longer")
	}
}

func TestTheTTLTurnsNegative(t *testing.T) {
	_, f := stored(t, "Cache-Control: max-age=60 | Age: 20")
	for _, c := range []struct {
		after int64
		want  time.Duration
	}{{0, 40 * time.Second}, {40, 0}, {52, -12 * time.Second}} {
		if got := f.TTL(now + c.after*second); got != c.want {
			t.Errorf("after %d s: %v, want %v", c.after, got, c.want)
		}
	}
}
