package rule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

func tagsName(t testing.TB, name string) http7.Name {
	t.Helper()
	n, ok := http7.NewName(name)
	if !ok {
		t.Fatalf("%q is no name", name)
	}
	return n
}

func TestWhatMayBeStored(t *testing.T) {
	for _, c := range []struct {
		section, method, request string
		status                   int
		answer, why              string
	}{
		{"3: an explicit lifetime", "GET", "", 200, "Cache-Control: max-age=60", ""},
		{"3: the request's own method", "HEAD", "", 200, "Cache-Control: max-age=60", "method"},
		{"3: other methods", "POST", "", 200, "Cache-Control: max-age=60", "method"},
		{"3: methods have a case", "get", "", 200, "Cache-Control: max-age=60", "method"},
		{"5.2.1.5: the client's no-store", "GET", "Cache-Control: no-store", 200, "Cache-Control: max-age=60", "request-no-store"},
		{"5.2.1.4: the client's no-cache", "GET", "Cache-Control: no-cache", 200, "Cache-Control: max-age=60", ""},
		{"5.2.2.5: no-store", "GET", "", 200, "Cache-Control: no-store", "no-store"},
		{"5.2.2.5: no-store beats a lifetime", "GET", "", 200, "Cache-Control: max-age=60, No-Store", "no-store"},
		{"5.2.2.5: no-store on another line", "GET", "", 200, "Cache-Control: max-age=60 | cache-control: no-store", "no-store"},
		{"5.2.2.7: private", "GET", "", 200, "Cache-Control: private, max-age=60", "private"},
		{"4.2.1: private beats public", "GET", "", 200, "Cache-Control: public, private, max-age=60", "private"},
		{"5.2.2.7: private of some fields", "GET", "", 200, `Cache-Control: private="X-A", max-age=60`, ""},
		{"what can't be read", "GET", "", 200, "Cache-Control: max-age=60; private", "malformed"},

		{"3: unknown statuses with a lifetime", "GET", "", 299, "Cache-Control: max-age=60", ""},
		{"3: unknown statuses with a lifetime", "GET", "", 499, "Cache-Control: max-age=60", ""},
		{"3: errors with a lifetime", "GET", "", 503, "Cache-Control: max-age=60", ""},
		{"3: errors with a lifetime", "GET", "", 599, "Cache-Control: max-age=60", ""},
		{"3: interim answers", "GET", "", 103, "Cache-Control: max-age=60", "status"},
		{"3.3: parts", "GET", "", 206, "Cache-Control: max-age=60", "status"},
		{"4.3.4: a 304 that nobody asked for", "GET", "", 304, "Cache-Control: max-age=60", "status"},
		{"what is true of one request", "GET", "", 412, "Cache-Control: max-age=60", "status"},
		{"what is true of one request", "GET", "", 416, "Cache-Control: max-age=60", "status"},
		{"6585 3", "GET", "", 428, "Cache-Control: max-age=60", "status"},
		{"6585 4", "GET", "", 429, "Cache-Control: max-age=60", "status"},
		{"6585 5", "GET", "", 431, "Cache-Control: max-age=60", "status"},
		{"6585 6", "GET", "", 511, "Cache-Control: max-age=60", "status"},
		{"9110 15.5.8", "GET", "", 407, "Cache-Control: max-age=60", "status"},
		{"no status at all", "GET", "", 600, "Cache-Control: max-age=60", "status"},
		{"5.2.2.3: must-understand lifts no-store", "GET", "", 200, "Cache-Control: max-age=60, no-store, must-understand", ""},
		{"5.2.2.3: not for what is not understood", "GET", "", 599, "Cache-Control: max-age=60, no-store, must-understand", "status"},
		{"5.2.2.3: nor without no-store", "GET", "", 299, "Cache-Control: max-age=60, must-understand", "status"},

		{"3.5: Authorization", "GET", "Authorization: x", 200, "Cache-Control: max-age=60", "authorization"},
		{"3.5: but public", "GET", "Authorization: x", 200, "Cache-Control: max-age=60, public", ""},
		{"3.5: but must-revalidate", "GET", "Authorization: x", 200, "Cache-Control: max-age=60, must-revalidate", ""},
		{"3.5: but s-maxage", "GET", "Authorization: x", 200, "Cache-Control: s-maxage=60", ""},
		{"3.5: not proxy-revalidate", "GET", "Authorization: x", 200, "Cache-Control: max-age=60, proxy-revalidate", "authorization"},
		{"3.5: not Expires", "GET", "Authorization: x", 200, "Expires: " + at(60), "authorization"},
		{"3.5: public in the field for CDNs", "GET", "Authorization: x", 200, "CDN-Cache-Control: max-age=60, public", ""},
		{"3.5: public in the field that is not read", "GET", "Authorization: x", 200,
			"CDN-Cache-Control: max-age=60 | Cache-Control: public", "authorization"},
		{"3: Cookie is no credential to HTTP", "GET", "Cookie: a=b", 200, "Cache-Control: max-age=60", ""},
		{"7.3: Set-Cookie", "GET", "", 200, "Cache-Control: max-age=60, public | Set-Cookie: a=b", "set-cookie"},
		{"7.3: Set-Cookie even if it is named", "GET", "", 200, `Cache-Control: max-age=60, no-cache="set-cookie" | Set-Cookie: a=b`, "set-cookie"},

		{"4.1: Vary *", "GET", "", 200, "Cache-Control: max-age=60 | Vary: *", "vary-any"},
		{"4.1: Vary with *", "GET", "", 200, "Cache-Control: max-age=60 | Vary: Foo | Vary: , *", "vary-any"},
		{"4.1: Vary that is none", "GET", "", 200, "Cache-Control: max-age=60 | Vary: a b", "vary-malformed"},
		{"4.1: an enormous Vary", "GET", "", 200, "Cache-Control: max-age=60 | Vary: " + many(17), "vary-many"},
		{"4.1: a great Vary", "GET", "", 200, "Cache-Control: max-age=60 | Vary: " + many(16), ""},

		{"4.2.2: no lifetime", "GET", "", 200, "", "no-lifetime"},
		{"4.2.2: no heuristics", "GET", "", 200, "Last-Modified: " + at(-9999), "no-lifetime"},
		{"4.2.2: no heuristics", "GET", "", 200, `Cache-Control: public | ETag: "a"`, "no-lifetime"},
		{"4.2.1: no lifetime left is worth something with a validator", "GET", "", 200, `Cache-Control: max-age=0 | ETag: "a"`, ""},
		{"4.2.1: or a window", "GET", "", 200, "Cache-Control: max-age=0, stale-while-revalidate=10", ""},
		{"4.2.1: or a window", "GET", "", 200, "Cache-Control: max-age=0, stale-if-error=10", ""},
		{"4.2.1: but nothing without", "GET", "", 200, "Cache-Control: max-age=0", "stale"},
		{"5.3: Expires of 0", "GET", "", 200, "Expires: 0", "stale"},
		{"4.2.4: what is stale when it comes may serve max-stale", "GET", "", 200, "Cache-Control: max-age=60 | Age: 90", ""},
		{"5.2.2.4: no-cache with a validator", "GET", "", 200, `Cache-Control: no-cache | ETag: "a"`, ""},
		{"5.2.2.4: no-cache with a date", "GET", "", 200, "Cache-Control: no-cache | Last-Modified: " + at(-60), ""},
		{"5.2.2.4: no-cache without", "GET", "", 200, "Cache-Control: no-cache, max-age=60", "stale"},
		{"5.2.2.4: no-cache with a validator that is none", "GET", "", 200, "Cache-Control: no-cache | ETag: a", "stale"},
		{"5.2.2.4: no-cache with a validator that is not stored", "GET", "", 200, `Cache-Control: no-cache, private=etag | ETag: "a"`, "stale"},
		{"5.4: Pragma means nothing in answers", "GET", "", 200, "Cache-Control: max-age=60 | Pragma: no-cache", ""},
	} {
		v := Judge(&Case{
			Method: []byte(c.method), Request: fields(c.request), Status: c.status, Answer: fields(c.answer), Length: -1,
			Asked: now, Got: now,
		}, &Config{})
		if v.Why != c.why || v.Store != (c.why == "") {
			t.Errorf("RFC 9111 %s: %s %q -> %d %q: store %v, why %q, want %q",
				c.section, c.method, c.request, c.status, c.answer, v.Store, v.Why, c.why)
		}
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "x-%02d, ", i)
	}
	return b.String()
}

func TestTheConfiguredLifetimeIsForAnswersThatSayNothing(t *testing.T) {
	cfg := &Config{TTL: 60 * time.Second, NegativeTTL: 5 * time.Second}
	for _, c := range []struct {
		what, request string
		status        int
		answer        string
		want          int // seconds; -1: not stored
	}{
		{"nothing said", "", 200, "", 60},
		{"nothing said about lifetime", "", 200, "Cache-Control: public, must-revalidate", 60},
		{"a validator alone", "", 200, `ETag: "a"`, 60},
		{"203", "", 203, "", 60},
		{"204", "", 204, "", 60},
		{"300", "", 300, "", 60},
		{"301", "", 301, "", 60},
		{"308", "", 308, "", 60},
		{"302", "", 302, "", -1},
		{"307", "", 307, "", -1},
		{"201", "", 201, "", -1},
		{"404", "", 404, "", 5},
		{"405", "", 405, "", 5},
		{"410", "", 410, "", 5},
		{"414", "", 414, "", 5},
		{"451", "", 451, "", 5},
		{"501", "", 501, "", 5},
		{"500", "", 500, "", 5},
		{"502", "", 502, "", 5},
		{"503", "", 503, "", 5},
		{"504", "", 504, "", 5},
		{"400: headers that are not in the key make it", "", 400, "", -1},
		{"401", "", 401, "", -1},
		{"403", "", 403, "", -1},
		{"429", "", 429, "", -1},
		{"505", "", 505, "", -1},

		{"max-age counts", "", 200, "Cache-Control: max-age=7", 7},
		{"max-age of 0 counts", "", 200, "Cache-Control: max-age=0", -1},
		{"a broken max-age counts", "", 200, "Cache-Control: max-age=x", -1},
		{"Expires counts", "", 200, "Expires: " + at(7), 7},
		{"a broken Expires counts", "", 200, "Expires: 0", -1},
		{"an error with a lifetime of its own", "", 503, "Cache-Control: max-age=7", 7},
		{"no-store counts", "", 200, "Cache-Control: no-store", -1},
		{"Pragma is a word", "", 200, "Pragma: no-cache", -1},
		{"a field for CDNs is a word", "", 200, "CDN-Cache-Control: foo", -1},
		{"a broken field for CDNs is a word", "", 200, "CDN-Cache-Control: Max-Age=60", -1},

		{"events", "", 200, "Content-Type: text/event-stream", -1},
		{"events in a charset", "", 200, "Content-Type: Text/Event-Stream; charset=utf-8", -1},
		{"events with a lifetime", "", 200, "Content-Type: text/event-stream | Cache-Control: max-age=7", 7},
		{"pictures of a camera", "", 200, "Content-Type: multipart/x-mixed-replace;boundary=x", -1},
		{"a type that begins alike", "", 200, "Content-Type: text/event-streams", 60},

		{"somebody with a cookie", "Cookie: a=b", 200, "", -1},
		{"somebody with credentials", "Authorization: x", 200, "Cache-Control: public", -1},
		{"404 for somebody with a cookie", "Cookie: a=b", 404, "", -1},
		{"somebody with a cookie, an explicit lifetime", "Cookie: a=b", 200, "Cache-Control: max-age=7", 7},
	} {
		v := Judge(get(c.request, c.status, c.answer), cfg)
		got := -1
		if v.Store {
			got = int(v.Facts.Lifetime() / time.Second)
		}
		if got != c.want {
			t.Errorf("%s: %q -> %d %q is stored for %d s (%s), want %d", c.what, c.request, c.status, c.answer, got, v.Why, c.want)
		}
		if guessed := v.Store && !strings.Contains(c.answer, "max-age") && !strings.Contains(c.answer, "Expires"); guessed != (v.Store && v.Facts.Has(Configured)) {
			t.Errorf("%s: configured is %v, want %v", c.what, !guessed, guessed)
		}
	}
}

func TestReasonsThatAreAboutTheRequestLeaveTheStoreAsItIs(t *testing.T) {
	cfg := &Config{TTL: time.Minute}
	for _, c := range []struct {
		request, answer, why string
		personal             bool
	}{
		{"Authorization: x", "Cache-Control: max-age=60", "authorization", true},
		{"Cache-Control: no-store", "Cache-Control: max-age=60", "request-no-store", true},
		{"Cookie: a=b", "", "no-lifetime", true},
		{"", "Cache-Control: no-store", "no-store", false},
		{"Authorization: x", "Cache-Control: no-store", "no-store", false},
		{"", "CDN-Cache-Control: foo", "no-lifetime", false},
		{"", "Cache-Control: max-age=0", "stale", false},
		{"", "Cache-Control: max-age=60", "", false},
	} {
		v := Judge(get(c.request, 200, c.answer), cfg)
		if v.Why != c.why || v.Personal != c.personal {
			t.Errorf("%q -> %q: %q, personal %v, want %q, %v", c.request, c.answer, v.Why, v.Personal, c.why, c.personal)
		}
	}
}

func TestWhatIsTooMuchIsNotStored(t *testing.T) {
	cfg := &Config{MaxObject: 100, Tags: tagsName(t, "Surrogate-Key")}
	for _, c := range []struct {
		length int64
		tags   string
		why    string
	}{
		{100, "", ""},
		{101, "", "too-large"},
		{-1, "", ""},
		{0, strings.Repeat("a ", 512), ""},
		{0, strings.Repeat("a ", 513), "tags"},
		{0, strings.Repeat("a,", 10000), "tags"},
		{0, strings.Repeat("a", 1025), "tags"},
	} {
		k := get("", 200, "Cache-Control: max-age=60 | Surrogate-Key: "+c.tags)
		k.Length = c.length
		if v := Judge(k, cfg); v.Why != c.why {
			t.Errorf("%d bytes, tags of %d: %q, want %q", c.length, len(c.tags), v.Why, c.why)
		}
	}
}
