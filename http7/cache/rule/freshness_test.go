package rule

import (
	"testing"
	"time"
)

func TestTheLifetimeIsWhatTheAnswerSays(t *testing.T) {
	for _, c := range []struct {
		section, answer string
		want            int // seconds
	}{
		{"4.2.1: max-age", "Cache-Control: max-age=60", 60},
		{"4.2.1: s-maxage before max-age", "Cache-Control: max-age=60, s-maxage=10", 10},
		{"4.2.1: s-maxage before max-age", "Cache-Control: s-maxage=600, max-age=1", 600},
		{"4.2.1: s-maxage on another line", "Cache-Control: max-age=60 | Cache-Control: s-maxage=10", 10},
		{"4.2.1: s-maxage before all", "Expires: " + at(-10) + " | Cache-Control: max-age=0, s-maxage=600", 600},
		{"4.2.1: a broken s-maxage is 0", "Cache-Control: max-age=60, s-maxage=x", 0},
		{"4.2.1: Expires less Date", "Expires: " + at(60) + " | Date: " + at(0), 60},
		{"4.2.1: Expires less Date, both fast", "Expires: " + at(460) + " | Date: " + at(400), 60},
		{"4.2.1: Expires before Date", "Expires: " + at(300) + " | Date: " + at(400), 0},
		{"4.2.1: Expires without Date", "Expires: " + at(60), 60},
		{"4.2.1: Expires with a broken Date", "Expires: " + at(60) + " | Date: foo", 60},
		{"4.2.1: Expires with two Dates", "Expires: " + at(60) + " | Date: " + at(50) + " | Date: " + at(40), 60},
		{"5.3: max-age before Expires", "Expires: " + at(-600) + " | Cache-Control: max-age=60", 60},
		{"5.3: max-age before a broken Expires", "Expires: 0 | Cache-Control: max-age=60", 60},
		{"5.3: max-age of 0 before Expires", "Expires: " + at(600) + " | Cache-Control: max-age=0", 0},
		{"4.2.1: a broken max-age before Expires", "Expires: " + at(600) + " | Cache-Control: max-age=x", 0},
		{"5.3: Expires that is no date", "Expires: 0", 0},
		{"5.3: Expires in another zone", "Expires: Thu, 18 Aug 2050 02:01:18 UTC", 0},
		{"5.3: Expires in the past", "Expires: " + at(-60), 0},
		{"5.3: Expires now", "Expires: " + at(0) + " | Date: " + at(0), 0},
		{"4.2.1: Expires twice alike", "Expires: " + at(60) + " | Expires: " + at(60), 60},
		{"4.2.1: Expires twice", "Expires: " + at(60) + " | Expires: " + at(61), 0},
		{"4.2.1: Expires twice, one broken", "Expires: " + at(60) + " | Expires: x", 0},
		{"5.3: Expires as a list", "Expires: " + at(60) + ", " + at(60), 0},
		{"1.2.2: more than 2^31", "Cache-Control: max-age=99999999999", 1 << 31},
		{"1.2.2: Expires far ahead", "Expires: Fri, 31 Dec 9999 23:59:59 GMT", 1 << 31},
		{"5.2.3: unknown directives", "Cache-Control: foobar, max-age=60", 60},
		{"5.2.2: other directives", "Cache-Control: max-age=60, must-revalidate, public, immutable", 60},

		{"9213 2.2: the field for CDNs first", "CDN-Cache-Control: max-age=600 | Cache-Control: max-age=1", 600},
		{"9213 2.2: the field for CDNs first", "CDN-Cache-Control: max-age=1 | Cache-Control: max-age=600", 1},
		{"9213 2.2: even before no-store", "CDN-Cache-Control: max-age=600 | Cache-Control: no-store, private", 600},
		{"9213 2.2: and before Expires", "CDN-Cache-Control: max-age=600 | Expires: 0", 600},
		{"9213 2.2: and of 0 before Expires", "CDN-Cache-Control: max-age=0 | Expires: " + at(600), 0},
		{"9213 2.1: a broken one is none", "CDN-Cache-Control: max-age=600, &&& | Cache-Control: max-age=1", 1},
		{"9213 2.1: an empty one is none", "CDN-Cache-Control: | Cache-Control: max-age=1", 1},
		{"9213 2.1: a number as text is 0", `CDN-Cache-Control: max-age="600" | Cache-Control: max-age=600`, 0},
		{"9213 2.1: s-maxage in it", "CDN-Cache-Control: max-age=1, s-maxage=600", 600},
	} {
		_, f := stored(t, c.answer+` | ETag: "a"`)
		if got := int(f.Lifetime() / time.Second); got != c.want {
			t.Errorf("RFC 9111 %s: %q lives %d s, want %d", c.section, c.answer, got, c.want)
		}
	}
}

func TestTheFieldForCDNsForbidsToo(t *testing.T) {
	for _, c := range []struct{ answer, why string }{
		{"CDN-Cache-Control: no-store | Cache-Control: max-age=60", "no-store"},
		{"CDN-Cache-Control: private | Cache-Control: max-age=60 | Expires: " + at(60), "private"},
		{"CDN-Cache-Control: no-cache | Cache-Control: max-age=60 | Expires: " + at(60), "stale"},
		{"CDN-Cache-Control: max-age=60, && | Cache-Control: no-store", "no-store"},
		{`CDN-Cache-Control: max-age="60" | Cache-Control: no-store`, "stale"},
		{"CDN-Cache-Control: foo | Cache-Control: max-age=60", "no-lifetime"},
	} {
		if v := Judge(get("", 200, c.answer), &Config{}); v.Why != c.why {
			t.Errorf("RFC 9213 2.2: %q: %q, want %q", c.answer, v.Why, c.why)
		}
	}
}

func TestTheAgeIsWhatTheAnswerHasBehindIt(t *testing.T) {
	for _, c := range []struct {
		section, answer string
		delay           time.Duration
		want            time.Duration
	}{
		{"4.2.3: none", "", 0, 0},
		{"4.2.3: Age", "Age: 30", 0, 30 * time.Second},
		{"4.2.3: Age and the way", "Age: 30", 2 * time.Second, 32 * time.Second},
		{"4.2.3: the way alone", "", 2500 * time.Millisecond, 2500 * time.Millisecond},
		{"4.2.3: apparent age", "Date: " + at(-90), 0, 90 * time.Second},
		{"4.2.3: apparent age of the future", "Date: " + at(90), 0, 0},
		{"4.2.3: the greater", "Date: " + at(-90) + " | Age: 30", 0, 90 * time.Second},
		{"4.2.3: the greater", "Date: " + at(-10) + " | Age: 30", 0, 30 * time.Second},
		{"5.1: no number", "Age: abc", 0, 0},
		{"5.1: negative", "Age: -7200", 0, 0},
		{"5.1: a fraction", "Age: 7200.0", 0, 0},
		{"5.1: a parameter", "Age: 7200;foo=bar", 0, 0},
		{"5.1: empty", "Age:", 0, 0},
		{"5.1: 2^31 - 1", "Age: 2147483647", 0, 2147483647 * time.Second},
		{"5.1: 2^31", "Age: 2147483648", 0, 2147483648 * time.Second},
		{"5.1: more", "Age: 99999999999999999999", time.Hour, 2147483648 * time.Second},
		{"5.1: a list, the first", "Age: 7200, 0", 0, 7200 * time.Second},
		{"5.1: a list, the first", "Age: 0, 7200", 0, 0},
		{"5.1: lines, the first", "Age: 7200 | Age: 0", 0, 7200 * time.Second},
		{"5.1: lines, the first", "Age: 0 | Age: 7200", 0, 0},
		{"5.1: lines, the first is broken", "Age: x | Age: 7200", 0, 0},
		{"4.2.3: a Date that is none", "Date: yesterday", 0, 0},
		{"4.2.3: a Date of long ago", "Date: Thu, 01 Jan 1970 00:00:00 GMT", 0, 1795284000 * time.Second},
		{"4.2.3: a Date of longer ago", "Date: Mon, 01 Jan 0001 00:00:00 GMT", 0, 2147483648 * time.Second},
	} {
		k := get("", 200, c.answer+` | Cache-Control: max-age=60 | ETag: "a"`)
		k.Asked = k.Got - int64(c.delay)
		_, f := storedAs(t, k, &Config{})
		if got := f.Age(now); got != c.want {
			t.Errorf("RFC 9111 %s: %q is %v old, want %v", c.section, c.answer, got, c.want)
		}
		if got := f.Age(now + 10*second); got != c.want+10*time.Second {
			t.Errorf("RFC 9111 4.2.3: %q is %v old after 10 s, want %v", c.answer, got, c.want+10*time.Second)
		}
	}
}

// Date has whole seconds: an answer made in this one is not old.
func TestTheFractionOfASecondIsNoAge(t *testing.T) {
	k := get("", 200, "Cache-Control: max-age=1 | Date: "+at(0))
	k.Got += 900 * int64(time.Millisecond)
	k.Asked = k.Got
	if _, f := storedAs(t, k, &Config{}); f.Age(k.Got) != 0 {
		t.Errorf("it is %v old", f.Age(k.Got))
	}
}

func TestTheClockMayGoBack(t *testing.T) {
	k := get("", 200, "Cache-Control: max-age=60")
	k.Asked = k.Got + second
	_, f := storedAs(t, k, &Config{})
	if f.Age(now) != 0 || f.Age(now-9*second) != 0 || f.Lifetime() != time.Minute {
		t.Errorf("age %v, before that %v, lifetime %v", f.Age(now), f.Age(now-9*second), f.Lifetime())
	}
}

func TestValidatorsAreWhatCanBeCompared(t *testing.T) {
	for _, c := range []struct {
		section, answer string
		tag             string
		strong, date    bool
	}{
		{"9110 8.8.3", `ETag: "a"`, `"a"`, true, false},
		{"9110 8.8.3", `ETag: W/"a"`, `W/"a"`, false, false},
		{"9110 8.8.3: empty", `ETag: ""`, `""`, true, false},
		{"9110 8.8.3: obs-text", "ETag: \"\xfc\"", "\"\xfc\"", true, false},
		{"9110 8.8.3: no quotes", "ETag: a", "", false, false},
		{"9110 8.8.3: w", `ETag: w/"a"`, "", false, false},
		{"9110 8.8.3: no slash", `ETag: W"a"`, "", false, false},
		{"9110 8.8.3: a backslash for it", `ETag: W\"a"`, "", false, false},
		{"9110 8.8.3: space inside", `ETag: "a b"`, "", false, false},
		{"9110 8.8.3: a quote inside", `ETag: "a"b"`, "", false, false},
		{"9110 8.8.3: half", `ETag: "a`, "", false, false},
		{"9110 8.8.3: two", `ETag: "a", "b"`, "", false, false},
		{"9110 8.8.3: two lines", `ETag: "a" | ETag: "a"`, "", false, false},
		{"9110 8.8.2", "Last-Modified: " + at(-60), "", false, true},
		{"9110 8.8.2: no date", "Last-Modified: yesterday", "", false, false},
		{"9110 8.8.2: two", "Last-Modified: " + at(-60) + " | Last-Modified: " + at(-60), "", false, false},
		{"both", `ETag: "a" | Last-Modified: ` + at(-60), `"a"`, true, true},
		{"9111 5.2.2.4: a field that is not stored", `ETag: "a" | Cache-Control: no-cache=etag`, "", false, false},
		{"9111 3.1: a field that is not stored", `ETag: "a" | Last-Modified: ` + at(-60) + " | Connection: etag, last-modified", "", false, false},
	} {
		head, f := stored(t, c.answer+" | Cache-Control: max-age=60")
		if string(head.ETag()) != c.tag || f.Has(StrongTag) != c.strong || (f.LastModified != NoDate) != c.date {
			t.Errorf("RFC %s: %q: tag %q, strong %v, date %v", c.section, c.answer, head.ETag(), f.Has(StrongTag), f.LastModified != NoDate)
		}
		if f.Validator() != (c.tag != "" || c.date) {
			t.Errorf("RFC %s: %q: Validator is %v", c.section, c.answer, f.Validator())
		}
	}
}
