package rule

import (
	"testing"
	"time"

	"weir/http7"
)

// cache is the least cache that obeys the rules: one URI, one client after the other, no clock of its own.
type cache struct {
	cfg  Config
	t    testing.TB
	now  int64
	head map[string]Head // by variant
	vary Vary
}

// ask sends a request; the origin would answer with status and answer. It reports what came of it: "cached", "stale",
// "validated" (the origin was asked with the stored validators), "apart" or "fetched".
func (c *cache) ask(request string, status int, answer string) string {
	h := fields(request)
	key, ok := AppendVariant(nil, c.vary, 1, h)
	head := c.head[string(key)]
	if !ok || head == nil {
		return c.fetch(h, status, answer, "fetched")
	}
	var f Facts
	head.Facts(&f)
	asks := ReadAsks(h)
	switch Serve(&f, &asks, c.now) {
	case Use:
		return "cached"
	case UseStale, UseAndRenew:
		return "stale"
	case Apart:
		return "apart"
	}
	switch {
	case IsError(status) && OnError(&f, &asks, c.now):
		return "stale"
	case f.Validator():
		return c.fetch(h, status, answer, "validated")
	}
	return c.fetch(h, status, answer, "fetched")
}

func (c *cache) fetch(request *http7.Header, status int, answer, what string) string {
	k := &Case{
		Method: []byte("GET"), Request: request, Status: status, Answer: fields(answer), Length: 10, Asked: c.now, Got: c.now,
	}
	if v := Judge(k, &c.cfg); v.Store {
		b, ok := AppendHead(nil, &v, k.Answer)
		if !ok {
			c.t.Fatal("no head")
		}
		if c.vary = v.Vary; c.head == nil {
			c.head = map[string]Head{}
		}
		key, _ := AppendVariant(nil, c.vary, 1, request)
		c.head[string(key)] = Head(b)
	}
	return what
}

// The cases of the public suite that caches are compared with (cache-tests.fyi), by its names: an answer is given, time
// passes, and a request comes. Those that ask what a cache does where the RFC lets it choose have the restrictive answer.
func TestWhatTheCacheTestsExpect(t *testing.T) {
	const tag = ` | ETag: "abcd"`
	lm := " | Last-Modified: " + at(-3000)
	for _, c := range []struct {
		name, request, answer string
		pause                 int64 // seconds
		again, want           string
	}{
		{"freshness-none", "", "", 3, "", "fetched"},
		{"freshness-max-age", "", "Cache-Control: max-age=3600", 3, "", "cached"},
		{"freshness-max-age-stale", "", "Cache-Control: max-age=2", 3, "", "fetched"},
		{"freshness-max-age-0", "", "Cache-Control: max-age=0", 3, "", "fetched"},
		{"freshness-max-age-max-minus-1", "", "Cache-Control: max-age=2147483647", 3, "", "cached"},
		{"freshness-max-age-max", "", "Cache-Control: max-age=2147483648", 3, "", "cached"},
		{"freshness-max-age-max-plus-1", "", "Cache-Control: max-age=2147483649", 3, "", "cached"},
		{"freshness-max-age-max-plus", "", "Cache-Control: max-age=99999999999", 3, "", "cached"},
		{"freshness-max-age-age", "", "Date: " + at(0) + " | Cache-Control: max-age=3600 | Age: 7200", 3, "", "fetched"},
		{"freshness-max-age-date", "", "Date: " + at(-7200) + " | Cache-Control: max-age=3600", 3, "", "fetched"},
		{"freshness-max-age-expires", "", "Cache-Control: max-age=3600 | Expires: " + at(-7200), 3, "", "cached"},
		{"freshness-max-age-expires-invalid", "", "Cache-Control: max-age=3600 | Expires: 0", 3, "", "cached"},
		{"freshness-max-age-0-expires", "", "Cache-Control: max-age=0 | Expires: " + at(3600), 3, "", "fetched"},
		{"freshness-max-age-extension", "", "Cache-Control: foobar, max-age=3600", 3, "", "cached"},
		{"freshness-max-age-case-insenstive", "", "Cache-Control: MaX-aGe=3600", 3, "", "cached"},
		{"freshness-max-age-negative", "", "Cache-Control: max-age=-3600", 3, "", "fetched"},
		{"freshness-s-maxage-shared", "", "Cache-Control: s-maxage=3600", 3, "", "cached"},
		{"freshness-max-age-s-maxage-shared-longer", "", "Cache-Control: max-age=3600, s-maxage=1", 3, "", "fetched"},
		{"freshness-max-age-s-maxage-shared-longer-reversed", "", "Cache-Control: s-maxage=1, max-age=3600", 3, "", "fetched"},
		{"freshness-max-age-s-maxage-shared-longer-multiple", "", "Cache-Control: max-age=3600 | Cache-Control: s-maxage=1", 3, "", "fetched"},
		{"freshness-max-age-s-maxage-shared-shorter", "", "Cache-Control: max-age=1, s-maxage=3600", 3, "", "cached"},
		{"freshness-max-age-s-maxage-shared-shorter-expires", "", "Expires: " + at(-10) + " | Cache-Control: max-age=0, s-maxage=3600", 3, "", "cached"},
		{"freshness-max-age-ignore-quoted", "", `Cache-Control: extension="max-age=3600", max-age=1`, 3, "", "fetched"},
		{"freshness-max-age-ignore-quoted-rev", "", `Cache-Control: max-age=1, extension="max-age=3600"`, 3, "", "fetched"},
		{"freshness-max-age-leading-zero", "", "Cache-Control: max-age=003600", 3, "", "cached"},
		{"freshness-max-age-single-quoted", "", "Cache-Control: max-age='3600'", 3, "", "fetched"},
		{"freshness-max-age-quoted", "", `Cache-Control: max-age="3600"`, 3, "", "cached"},
		{"freshness-max-age-two-fresh-stale-sameline", "", "Cache-Control: max-age=1800, max-age=1", 3, "", "fetched"},
		{"freshness-max-age-two-stale-fresh-sepline", "", "Cache-Control: max-age=1 | Cache-Control: max-age=1800", 3, "", "fetched"},
		{"freshness-max-age-space-before-equals", "", "Cache-Control: max-age =3600", 3, "", "fetched"},
		{"freshness-max-age-space-after-equals", "", "Cache-Control: max-age= 3600", 3, "", "fetched"},

		{"freshness-expires-future", "", "Expires: " + at(2592000) + " | Date: " + at(0), 3, "", "cached"},
		{"freshness-expires-past", "", "Expires: " + at(-2592000), 3, "", "fetched"},
		{"freshness-expires-present", "", "Expires: " + at(0) + " | Date: " + at(0), 0, "", "fetched"},
		{"freshness-expires-old-date", "", "Expires: " + at(300) + " | Date: " + at(400), 3, "", "fetched"},
		{"freshness-expires-invalid", "", "Expires: 0", 3, "", "fetched"},
		{"freshness-expires-invalid-date", "", "Date: foo | Expires: " + at(10), 0, "", "cached"},
		{"freshness-expires-age-slow-date", "", "Date: " + at(-10) + " | Expires: " + at(10) + " | Age: 25", 0, "", "fetched"},
		{"freshness-expires-age-fast-date", "", "Date: " + at(10) + " | Expires: " + at(20) + " | Age: 15", 0, "", "fetched"},
		{"freshness-expires-32bit", "", "Expires: Tue, 19 Jan 2038 14:14:08 GMT", 3, "", "cached"},
		{"freshness-expires-far-future", "", "Expires: Sun, 21 Nov 2286 04:46:39 GMT", 3, "", "cached"},
		{"freshness-expires-rfc850", "", "Expires: Thursday, 18-Aug-50 02:01:18 GMT", 3, "", "cached"},
		{"freshness-expires-ansi-c", "", "Expires: Thu Aug  8 02:01:18 2050", 3, "", "cached"},
		{"freshness-expires-wrong-case-tz", "", "Expires: Thu, 18 Aug 2050 02:01:18 gMT", 3, "", "cached"},
		{"freshness-expires-invalid-utc", "", "Expires: Thu, 18 Aug 2050 02:01:18 UTC", 3, "", "fetched"},
		{"freshness-expires-invalid-multiple-lines", "",
			"Expires: Thu, 18 Aug 2050 2:01:18 GMT | Expires: Thu, 18 Aug 2050 2:01:19 GMT", 0, "", "fetched"},

		{"cc-resp-private-shared", "", "Cache-Control: private, max-age=3600", 0, "", "fetched"},
		{"cc-resp-no-store", "", "Cache-Control: no-store", 0, "", "fetched"},
		{"cc-resp-no-store-fresh", "", "Cache-Control: max-age=10000, no-store | Expires: " + at(10000), 0, "", "fetched"},
		{"cc-resp-no-cache", "", "Cache-Control: max-age=10000, no-cache | Expires: " + at(10000), 0, "", "fetched"},
		{"cc-resp-no-cache-revalidate", "", "Cache-Control: no-cache" + tag, 0, "", "validated"},
		{"cc-resp-no-cache-revalidate-fresh", "", "Cache-Control: max-age=10000, No-CaChE" + tag, 0, "", "validated"},
		{"cc-resp-must-revalidate-fresh", "", "Cache-Control: max-age=10000, must-revalidate" + tag, 0, "", "cached"},
		{"cc-resp-must-revalidate-stale", "", "Cache-Control: max-age=2, must-revalidate" + tag, 3, "", "validated"},
		{"headers-omit-headers-listed-in-Cache-Control-no-cache", "", `Cache-Control: no-cache="a, b" | a: 1 | Cache-Control: max-age=3600`, 3, "", "cached"},

		{"ccreq-ma0", "", "Cache-Control: max-age=3600", 3, "Cache-Control: max-age=0", "fetched"},
		{"ccreq-ma1", "", "Cache-Control: max-age=3600", 3, "Cache-Control: max-age=1", "fetched"},
		{"ccreq-magreaterage", "", "Cache-Control: max-age=3600 | Age: 1800", 0, "Cache-Control: max-age=600", "fetched"},
		{"ccreq-max-stale", "", "Cache-Control: max-age=1", 3, "Cache-Control: max-stale=1000", "stale"},
		{"ccreq-max-stale-age", "", "Cache-Control: max-age=1500 | Age: 2000", 0, "Cache-Control: max-stale=1000", "stale"},
		{"ccreq-min-fresh", "", "Cache-Control: max-age=1500", 0, "Cache-Control: min-fresh=2000", "fetched"},
		{"ccreq-min-fresh-age", "", "Cache-Control: max-age=1500 | Age: 1000", 0, "Cache-Control: min-fresh=1000", "fetched"},
		{"ccreq-no-cache", "", "Cache-Control: max-age=3600", 0, "Cache-Control: no-cache", "fetched"},
		{"ccreq-no-cache-lm", "", "Cache-Control: max-age=3600" + lm, 0, "Cache-Control: no-cache", "validated"},
		{"ccreq-no-cache-etag", "", "Cache-Control: max-age=3600" + tag, 0, "Cache-Control: no-cache", "validated"},
		{"pragma-request-no-cache", "", "Cache-Control: max-age=3600", 0, "Pragma: no-cache", "fetched"},
		{"pragma-request-extension", "", "Cache-Control: max-age=3600", 0, "Pragma: unrecognised-extension", "cached"},
		{"pragma-response-no-cache", "", "Cache-Control: max-age=3600 | Pragma: no-cache", 0, "", "cached"},

		{"cdn-max-age", "", "CDN-Cache-Control: max-age=3600", 3, "", "cached"},
		{"cdn-max-age-age", "", "CDN-Cache-Control: max-age=3600 | Age: 7200", 3, "", "fetched"},
		{"cdn-max-age-space-before-equals", "", "Cache-Control: max-age=1 | CDN-Cache-Control: max-age =100", 3, "", "fetched"},
		{"cdn-max-age-extension", "", "CDN-Cache-Control: foobar, max-age=3600", 3, "", "cached"},
		{"cdn-max-age-case-insensitive", "", "CDN-Cache-Control: MaX-aGe=3600", 3, "", "fetched"},
		{"cdn-max-age-0-expires", "", "CDN-Cache-Control: max-age=0 | Expires: " + at(10000), 3, "", "fetched"},
		{"cdn-fresh-cc-nostore", "", "Cache-Control: no-store | CDN-Cache-Control: max-age=10000", 3, "", "cached"},
		{"cdn-cc-invalid-sh-type-unknown", "", "CDN-Cache-Control: max-age=10000, &&&&& | Cache-Control: no-store", 3, "", "fetched"},
		{"cdn-cc-invalid-sh-type-wrong", "", `CDN-Cache-Control: max-age="10000" | Cache-Control: no-store`, 3, "", "fetched"},

		{"stale-while-revalidate", "", "Cache-Control: max-age=1, stale-while-revalidate=3600" + tag, 3, "", "stale"},
		{"stale-while-revalidate-window", "", "Cache-Control: max-age=1, stale-while-revalidate=4" + tag, 6, "", "validated"},
		{"heuristic-200", "", "Date: " + at(0) + lm, 0, "", "fetched"},
		{"other-cookie", "", "Cache-Control: max-age=3600", 3, "Cookie: a=b", "cached"},
		{"other-set-cookie", "", "Cache-Control: max-age=3600 | Set-Cookie: a=b", 3, "", "fetched"},
		{"other-authorization", "Authorization: FOO", "Cache-Control: max-age=3600", 3, "", "fetched"},
		{"other-authorization-public", "Authorization: FOO", "Cache-Control: max-age=3600, public", 3, "", "cached"},
		{"other-authorization-must-revalidate", "Authorization: FOO", "Cache-Control: max-age=3600, must-revalidate", 3, "", "cached"},
		{"other-authorization-smaxage", "Authorization: FOO", "Cache-Control: s-maxage=3600", 3, "", "cached"},

		{"vary-match", "Foo: 1", "Cache-Control: max-age=5000 | Vary: Foo", 0, "Foo: 1", "cached"},
		{"vary-no-match", "Foo: 1", "Cache-Control: max-age=5000 | Vary: Foo", 0, "Foo: 2", "fetched"},
		{"vary-omit-stored", "", "Cache-Control: max-age=5000 | Vary: Foo", 0, "Foo: 1", "fetched"},
		{"vary-omit", "Foo: 1", "Cache-Control: max-age=5000 | Vary: Foo", 0, "", "fetched"},
		{"vary-cache-key", "Foo: 1 | Other: 2", "Cache-Control: max-age=5000 | Vary: Foo", 0, "Foo: 1 | Other: 3", "cached"},
		{"vary-3-omit", "Foo: 1 | Baz: 789", "Cache-Control: max-age=5000 | Vary: Foo, Bar, Baz", 0, "Baz: 789 | Foo: 1", "cached"},
		{"vary-3-order", "Foo: 1 | Bar: abc | Baz: 789", "Cache-Control: max-age=5000 | Vary: Foo, Bar, Baz", 0, "Foo: 1 | Baz: 789 | Bar: abcde", "fetched"},
		{"vary-star", "Foo: 1", "Cache-Control: max-age=5000 | Vary: *", 0, "Foo: 1", "fetched"},
		{"vary-normalise-combine", "Foo: 1, 2", "Cache-Control: max-age=5000 | Vary: Foo", 0, "Foo: 1 | Foo: 2", "cached"},
		{"vary-normalise-lang-case", "Accept-Language: en, de", "Cache-Control: max-age=5000 | Vary: Accept-Language", 0, "Accept-Language: eN, De", "cached"},
		{"vary-normalise-lang-space", "Accept-Language: en, de", "Cache-Control: max-age=5000 | Vary: Accept-Language", 0, "Accept-Language:  en ,   de", "cached"},
	} {
		k := &cache{t: t, now: now}
		k.ask(c.request, 200, c.answer)
		k.now += c.pause * second
		if got := k.ask(c.again, 200, "Cache-Control: no-store"); got != c.want {
			t.Errorf("%s: %q, after %d s %q: %s, want %s", c.name, c.answer, c.pause, c.again, got, c.want)
		}
	}
}

func TestWhatTheCacheTestsExpectOfStatuses(t *testing.T) {
	for _, status := range []int{200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599} {
		fresh, stale := &cache{t: t, now: now}, &cache{t: t, now: now}
		fresh.ask("", status, "Cache-Control: max-age=3600")
		stale.ask("", status, "Cache-Control: max-age=3600 | Age: 7200")
		if got := fresh.ask("", status, ""); got != "cached" {
			t.Errorf("status-%d-fresh: %s", status, got)
		}
		if got := stale.ask("", status, ""); got != "fetched" {
			t.Errorf("status-%d-stale: %s", status, got)
		}
	}
	for _, status := range []int{201, 202, 203, 204, 403, 404, 405, 410, 414, 501, 502, 503, 504, 599} {
		c := &cache{t: t, now: now}
		c.ask("", status, "Last-Modified: "+at(-86400))
		if got := c.ask("", status, ""); got != "fetched" {
			t.Errorf("heuristic-%d: %s", status, got)
		}
	}
}

func TestWhatTheCacheTestsExpectOfErrors(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		pause        int64
		again        string
		status       int
		want         string
	}{
		{"stale-503", "Cache-Control: max-age=2", 3, "", 503, "fetched"},
		{"stale-sie-503", "Cache-Control: max-age=2, stale-if-error=60", 3, "", 503, "stale"},
		{"stale-if-error-cc-response", "Cache-Control: max-age=0, stale-if-error=3600", 0, "", 500, "stale"},
		{"stale-if-error-cc-response-expired", "Cache-Control: max-age=0, stale-if-error=1", 3, "", 500, "fetched"},
		{"stale-if-error-cc-request", "Cache-Control: max-age=1", 3, "Cache-Control: stale-if-error=3600", 500, "stale"},
		{"stale-if-error-cc-request-expired", "Cache-Control: max-age=1", 6, "Cache-Control: stale-if-error=1", 500, "fetched"},
		{"stale-close-must-revalidate", "Cache-Control: max-age=2, must-revalidate", 3, "", 502, "fetched"},
		{"stale-close-proxy-revalidate", "Cache-Control: max-age=2, proxy-revalidate", 3, "", 502, "fetched"},
		{"stale-close-no-cache", "Cache-Control: max-age=2, no-cache", 3, "", 502, "fetched"},
		{"stale-close-s-maxage=2", "Cache-Control: max-age=2, s-maxage=2", 3, "", 502, "fetched"},
	} {
		k := &cache{t: t, now: now}
		k.ask("", 200, c.answer)
		k.now += c.pause * second
		if got := k.ask(c.again, c.status, ""); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestVariantsStandSideBySide(t *testing.T) {
	c := &cache{t: t, now: now, cfg: Config{TTL: time.Minute}}
	for i, step := range []struct{ request, want string }{
		{"Foo: 1", "fetched"}, {"Foo: 2", "fetched"}, {"Foo: 1", "cached"}, {"Foo: 2", "cached"}, {"", "fetched"}, {"Foo: 2 | Cookie: a", "apart"},
	} {
		if got := c.ask(step.request, 200, "Vary: Foo"); got != step.want {
			t.Errorf("step %d, %q: %s, want %s", i, step.request, got, step.want)
		}
	}
}
