package rule

import (
	"strings"
	"testing"
	"time"

	"weir/http7"
)

func TestConditionsThatAskTheOrigin(t *testing.T) {
	for _, c := range []struct{ section, answer, want string }{
		{"4.3.1: a tag", `ETag: "a"`, `If-None-Match: "a"` + "\r\n"},
		{"4.3.1: a weak tag", `ETag: W/"a"`, `If-None-Match: W/"a"` + "\r\n"},
		{"4.3.1: a date", "Last-Modified: " + at(-60), "If-Modified-Since: " + at(-60) + "\r\n"},
		{"4.3.1: both", `ETag: "a" | Last-Modified: ` + at(-60), `If-None-Match: "a"` + "\r\nIf-Modified-Since: " + at(-60) + "\r\n"},
		{"4.3.1: none", "X-A: 1", ""},
		{"4.3.1: broken ones", "ETag: a | Last-Modified: x", ""},
		{"4.3.1: RFC 850 is written anew", "Last-Modified: Sunday, 06-Nov-94 08:49:37 GMT", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"},
	} {
		head, _ := stored(t, "Cache-Control: max-age=60 | "+c.answer)
		if got := string(head.AppendConditions(nil)); got != c.want {
			t.Errorf("RFC 9111 %s: %q asks with %q, want %q", c.section, c.answer, got, c.want)
		}
	}
}

func TestWhichStoredAnswerA304IsAbout(t *testing.T) {
	lm, other := "Last-Modified: "+at(-60), "Last-Modified: "+at(-59)
	for _, c := range []struct {
		section, answer, got string
		want                 bool
	}{
		{"4.3.4: the strong tag", `ETag: "a"`, `ETag: "a"`, true},
		{"4.3.4: another strong tag", `ETag: "a"`, `ETag: "b"`, false},
		{"4.3.4: the weak tag", `ETag: W/"a"`, `ETag: W/"a"`, true},
		{"4.3.4: another weak tag", `ETag: W/"a"`, `ETag: W/"b"`, false},
		{"4.3.4: a weak tag for the strong one", `ETag: "a"`, `ETag: W/"a"`, true},
		{"4.3.4: the tag that it was before it was compressed", `ETag: W/"a"`, `ETag: "a"`, true},
		{"4.3.4: a tag where none is stored", lm, `ETag: "a"`, false},
		{"4.3.4: a broken tag", `ETag: "a"`, "ETag: a", false},
		{"4.3.4: two tags", `ETag: "a"`, `ETag: "a" | ETag: "a"`, false},
		{"4.3.4: the date", lm, lm, true},
		{"4.3.4: another date", lm, other, false},
		{"4.3.4: a broken date", lm, "Last-Modified: x", false},
		{"4.3.4: two dates", lm, lm + " | " + lm, false},
		{"4.3.4: a date where none is stored", `ETag: "a"`, lm, false},
		{"4.3.4: the tag before the date", `ETag: "a" | ` + lm, `ETag: "a" | ` + other, true},
		{"4.3.4: none at all, to the one that was asked about", `ETag: "a" | ` + lm, "X-A: 1", true},
	} {
		head, f := stored(t, "Cache-Control: max-age=60 | "+c.answer)
		if got := Confirms(head, &f, fields(c.got), now); got != c.want {
			t.Errorf("RFC 9111 %s: %q confirms %q: %v, want %v", c.section, c.got, c.answer, got, c.want)
		}
	}
}

// merged validates an answer a minute after it was stored.
func merged(t *testing.T, answer, request, got string) (Verdict, *http7.Header) {
	t.Helper()
	head, _ := stored(t, answer)
	k := get(request, 304, got)
	k.Asked, k.Got = now+60*second, now+60*second
	var into http7.Header
	v := Merge(head, k, &Config{}, &into)
	if !v.Store {
		return v, &into
	}
	b, ok := AppendHead(nil, &v, &into)
	if !ok {
		t.Fatal("no head")
	}
	into.Reset(nil)
	Head(b).Fill(&into)
	return v, &into
}

func TestA304UpdatesTheStoredFields(t *testing.T) {
	const tail = `ETag: "a"`
	date := " | Date: " + at(60)
	for _, c := range []struct{ section, answer, got, want string }{
		{"3.2: nothing new", "X-A: 1", "", "X-A: 1"},
		{"3.2: one replaced", "X-A: 1 | X-B: 2", "X-A: 3", "X-B: 2 | X-A: 3"},
		{"3.2: one added", "X-A: 1", "X-B: 3", "X-A: 1 | X-B: 3"},
		{"3.2: several of a name", "X-A: 1 | X-A: 2", "X-A: 3 | X-B: 0 | x-a: 4", "X-A: 3 | X-A: 4 | X-B: 0"},
		{"3.2: Content-Type", "Content-Type: a/b", "Content-Type: c/d", "Content-Type: c/d"},
		{"3.2: Content-Length belongs to the bytes", "Content-Length: 5", "Content-Length: 0", ""},
		{"3.2: Content-Encoding belongs to the bytes", "Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: gzip"},
		{"3.2: Content-Encoding belongs to the bytes", "X-A: 1", "Content-Encoding: br", "X-A: 1"},
		{"3.2: Content-Range belongs to the bytes", "X-A: 1", "Content-Range: bytes 0-1/2", "X-A: 1"},
		{"3.1: what ends at a hop", "X-A: 1", "Connection: x-b | X-B: 2 | Keep-Alive: 5", "X-A: 1"},
		{"3.1: what Connection names stays as it was", "X-A: 1", "Connection: x-a | X-A: 2", "X-A: 1"},
		{"7.3: Set-Cookie is not stored", "X-A: 1", "Set-Cookie: a=b", "X-A: 1"},
		{"5.1: Age is not stored", "X-A: 1", "Age: 7", "X-A: 1"},
	} {
		v, into := merged(t, "Cache-Control: max-age=60 | "+tail+" | Date: "+at(0)+" | "+c.answer, "", c.got+date)
		if !v.Store {
			t.Errorf("RFC 9111 %s: not stored: %s", c.section, v.Why)
			continue
		}
		for _, id := range []http7.ID{http7.CacheControl, http7.ETag, http7.Date} {
			if !into.DelID(id) {
				t.Errorf("RFC 9111 %s: no %v", c.section, id)
			}
		}
		if got := show(into); got != c.want {
			t.Errorf("RFC 9111 %s: %q updated by %q is %q, want %q", c.section, c.answer, c.got, got, c.want)
		}
	}
}

func TestA304MakesFreshAgain(t *testing.T) {
	for _, c := range []struct {
		section, answer, got string
		life, age            time.Duration
	}{
		{"4.3.4: by the stored lifetime", "Cache-Control: max-age=60", "", time.Minute, 0},
		{"4.3.4: by a new one", "Cache-Control: max-age=60", "Cache-Control: max-age=600", 10 * time.Minute, 0},
		{"4.3.4: by a new Expires", "Expires: " + at(1), "Expires: " + at(90), 30 * time.Second, 0},
		{"4.3.4: a stored Expires stays", "Expires: " + at(90), "", 30 * time.Second, 0},
		{"4.2.3: its own Age", "Cache-Control: max-age=60 | Age: 30", "Age: 5", time.Minute, 5 * time.Second},
		{"4.2.3: not the old Age", "Cache-Control: max-age=60 | Age: 30", "", time.Minute, 0},
		{"4.2.3: its own Date", "Cache-Control: max-age=600 | Date: " + at(-5), "Date: " + at(50), 10 * time.Minute, 10 * time.Second},
		{"4.2.3: not the old Date", "Cache-Control: max-age=600 | Date: " + at(-5), "", 10 * time.Minute, 0},
		{"9213: a new field for CDNs", "Cache-Control: max-age=60", "CDN-Cache-Control: max-age=5", 5 * time.Second, 0},
	} {
		v, into := merged(t, c.answer+` | ETag: "a"`, "", c.got)
		if !v.Store || v.Facts.Lifetime() != c.life || v.Facts.Age(now+60*second) != c.age {
			t.Errorf("RFC 9111 %s: %q and %q: %q, lives %v, want %v; is %v old, want %v", c.section, c.answer, c.got, v.Why,
				v.Facts.Lifetime(), c.life, v.Facts.Age(now+60*second), c.age)
		}
		if n := strings.Count(show(into), "Date:"); n != 1 {
			t.Errorf("RFC 9111 %s: %d dates: %s", c.section, n, show(into))
		}
	}
}

func TestA304MayEndTheStoring(t *testing.T) {
	for _, c := range []struct {
		section, request, got, why string
		personal                   bool
	}{
		{"5.2.2.5", "", "Cache-Control: no-store", "no-store", false},
		{"5.2.2.7", "", "Cache-Control: private", "private", false},
		{"4.1: it varies by more", "", "Vary: Foo, Bar", "vary-changed", false},
		{"4.1: it varies by all", "", "Vary: *", "vary-changed", false},
		{"4.1: it varies as before", "", "Vary: foo", "", false},
		{"4.1: it says nothing", "", "X-A: 1", "", false},
		{"3.5: asked with credentials", "Authorization: x", "X-A: 1", "authorization", true},
		{"3.5: asked with credentials, for all", "Authorization: x", "Cache-Control: public, max-age=60", "", false},
		{"5.2.1.5: the client's no-store", "Cache-Control: no-store", "X-A: 1", "request-no-store", true},
	} {
		v, _ := merged(t, `Cache-Control: max-age=60 | Vary: Foo | ETag: "a"`, c.request, c.got)
		if v.Why != c.why || v.Personal != c.personal {
			t.Errorf("RFC 9111 %s: %q: %q, personal %v, want %q, %v", c.section, c.got, v.Why, v.Personal, c.why, c.personal)
		}
	}
}

func TestAWeakTagStaysWeak(t *testing.T) {
	_, into := merged(t, `Cache-Control: max-age=60 | ETag: W/"a"`, "", `ETag: "a"`)
	if got := string(into.Get(http7.ETag)); got != `W/"a"` {
		t.Errorf("it is %s now", got)
	}
	v, into := merged(t, `Cache-Control: max-age=60 | ETag: "a"`, "", `ETag: W/"a"`)
	if got := string(into.Get(http7.ETag)); got != `W/"a"` || v.Facts.Has(StrongTag) {
		t.Errorf("it is %s now, strong %v", got, v.Facts.Has(StrongTag))
	}
}

func TestMergingIntoWhatIsNoAnswerDoesNothing(t *testing.T) {
	var into http7.Header
	if v := Merge(AppendIndex(nil, nil, 1), get("", 304, ""), &Config{}, &into); v.Store || v.Why != "malformed" {
		t.Errorf("%v, %q", v.Store, v.Why)
	}
}

func TestA200ToHEADMayDescribeTheStoredAnswer(t *testing.T) {
	lm := "Last-Modified: " + at(-60)
	for _, c := range []struct {
		section, answer, got string
		want                 bool
	}{
		{"4.3.5: all alike", `ETag: "a" | ` + lm, `Content-Length: 10 | ETag: "a" | ` + lm, true},
		{"4.3.5: no length", `ETag: "a"`, `ETag: "a"`, true},
		{"4.3.5: another length", `ETag: "a"`, `Content-Length: 11 | ETag: "a"`, false},
		{"4.3.5: a length that is none", `ETag: "a"`, `Content-Length: 10x | ETag: "a"`, false},
		{"4.3.5: two lengths", `ETag: "a"`, `Content-Length: 10 | Content-Length: 10 | ETag: "a"`, false},
		{"4.3.5: another tag", `ETag: "a"`, `ETag: "b"`, false},
		{"4.3.5: the tag is gone", `ETag: "a"`, "X-A: 1", false},
		{"4.3.5: a tag has come", lm, `ETag: "a" | ` + lm, false},
		{"4.3.5: another date", lm, "Last-Modified: " + at(-59), false},
		{"4.3.5: the date is gone", lm, "X-A: 1", false},
		{"4.3.5: never any", "X-A: 1", "Content-Length: 10", true},
	} {
		head, f := stored(t, "Cache-Control: max-age=60 | "+c.answer)
		if got := SameAsHead(head, &f, fields(c.got), 10, now); got != c.want {
			t.Errorf("RFC 9111 %s: %q describes %q: %v, want %v", c.section, c.got, c.answer, got, c.want)
		}
	}
	head, f := storedAs(t, get("", 404, "Cache-Control: max-age=60"), &Config{})
	if SameAsHead(head, &f, fields("X-A: 1"), 10, now) {
		t.Error("RFC 9111 4.3.5: a 200 describes a stored 404")
	}
}
