package rule

import (
	"strings"
	"testing"
)

func TestConditionsAreEvaluatedAgainstTheStoredAnswer(t *testing.T) {
	const tag, weak = `ETag: "a"`, `ETag: W/"a"`
	lm := "Last-Modified: " + at(-3000)
	for _, c := range []struct {
		section, answer, request string
		status                   int
		want                     Outcome
	}{
		{"none", tag, "", 200, Whole},
		{"13.1.2: the tag", tag, `If-None-Match: "a"`, 200, Unchanged},
		{"13.1.2: another", tag, `If-None-Match: "b"`, 200, Whole},
		{"13.1.2: case counts", tag, `If-None-Match: "A"`, 200, Whole},
		{"13.1.2: weak against strong", tag, `If-None-Match: W/"a"`, 200, Unchanged},
		{"13.1.2: strong against weak", weak, `If-None-Match: "a"`, 200, Unchanged},
		{"13.1.2: weak against weak", weak, `If-None-Match: W/"a"`, 200, Unchanged},
		{"13.1.2: the first of a list", tag, `If-None-Match: "a", "b", "c"`, 200, Unchanged},
		{"13.1.2: in the middle", tag, `If-None-Match: "b", "a", "c"`, 200, Unchanged},
		{"13.1.2: the last", tag, `If-None-Match: "b",W/"c" ,, "a"`, 200, Unchanged},
		{"13.1.2: over lines", tag, `If-None-Match: "b" | If-None-Match: "a"`, 200, Unchanged},
		{"13.1.2: a comma inside", `ETag: "a,b"`, `If-None-Match: "a", "a,b"`, 200, Unchanged},
		{"13.1.2: a comma inside is no border", tag, `If-None-Match: "b,a"`, 200, Whole},
		{"13.1.2: any", tag, "If-None-Match: *", 200, Unchanged},
		{"13.1.2: any, without a tag", "X-A: 1", "If-None-Match: *", 200, Unchanged},
		{"13.1.2: any is not one of a list", tag, `If-None-Match: *, "b"`, 200, Whole},
		{"13.1.2: any is not one of a list", tag, `If-None-Match: "a" | If-None-Match: *`, 200, Whole},
		{"13.1.2: any twice", tag, `If-None-Match: * | If-None-Match: *`, 200, Whole},
		{"13.1.2: without quotes", tag, "If-None-Match: a", 200, Whole},
		{"13.1.2: both without quotes", "ETag: a", "If-None-Match: a", 200, Whole},
		{"13.1.2: a stored tag without quotes", "ETag: a", `If-None-Match: "a"`, 200, Whole},
		{"13.1.2: w", `ETag: w/"a"`, `If-None-Match: w/"a"`, 200, Whole},
		{"13.1.2: half", tag, `If-None-Match: "a", "b`, 200, Whole},
		{"13.1.2: something behind", tag, `If-None-Match: "a" b`, 200, Whole},
		{"13.1.2: empty", tag, "If-None-Match:", 200, Whole},
		{"13.1.2: no stored tag", lm, `If-None-Match: "a"`, 200, Whole},
		{"13.1.2: a thousand tags", tag, `If-None-Match: ` + strings.Repeat(`"b", `, 999) + `"a"`, 200, Unchanged},
		{"13.1.2: more are too many", tag, `If-None-Match: ` + strings.Repeat(`"b", `, 1000) + `"a"`, 200, Whole},

		{"13.1.3: the same date", lm, "If-Modified-Since: " + at(-3000), 200, Unchanged},
		{"13.1.3: a later date", lm, "If-Modified-Since: " + at(-2000), 200, Unchanged},
		{"13.1.3: an earlier date", lm, "If-Modified-Since: " + at(-3001), 200, Whole},
		{"13.1.3: no date", lm, "If-Modified-Since: yesterday", 200, Whole},
		{"13.1.3: twice", lm, "If-Modified-Since: " + at(0) + " | If-Modified-Since: " + at(0), 200, Whole},
		{"13.1.3: a list", lm, "If-Modified-Since: " + at(0) + ", " + at(0), 200, Whole},
		{"13.1.3: RFC 850", lm, "If-Modified-Since: Sunday, 21-Nov-26 18:00:00 GMT", 200, Unchanged},
		{"9111 4.3.2: Date in place of Last-Modified", "Date: " + at(-100), "If-Modified-Since: " + at(-100), 200, Unchanged},
		{"9111 4.3.2: Date in place of Last-Modified", "Date: " + at(-100), "If-Modified-Since: " + at(-101), 200, Whole},
		{"9111 4.3.2: when it came in place of Date", "X-A: 1", "If-Modified-Since: " + at(0), 200, Unchanged},
		{"9111 4.3.2: when it came in place of Date", "X-A: 1", "If-Modified-Since: " + at(-1), 200, Whole},
		{"9111 4.3.2: not in place of a broken one", "Last-Modified: x", "If-Modified-Since: " + at(60), 200, Whole},

		{"13.2.2: If-None-Match first", tag + " | Last-Modified: " + at(-5), `If-None-Match: "a" | If-Modified-Since: ` + at(-60), 200, Unchanged},
		{"13.2.2: If-None-Match alone", tag + " | " + lm, `If-None-Match: "b" | If-Modified-Since: ` + at(0), 200, Whole},
		{"13.2.2: even if it can't be read", tag + " | " + lm, `If-None-Match: a | If-Modified-Since: ` + at(0), 200, Whole},
		{"13.2.1: 2xx", tag, `If-None-Match: "a"`, 203, Unchanged},
		{"13.2.1: not for other statuses", tag, `If-None-Match: "a"`, 404, Whole},
		{"13.2.1: not for other statuses", lm, "If-Modified-Since: " + at(0), 301, Whole},
	} {
		head, f := storedAs(t, get("", c.status, "Cache-Control: max-age=9999999 | "+c.answer), &Config{})
		var r Ranges
		request := fields(c.request)
		for _, get := range []bool{true, false} {
			if got := Evaluate(&r, head, &f, get, request, 100, now); got != c.want {
				t.Errorf("RFC 9110 %s: %d %q asked with %q, GET %v: %v, want %v", c.section, c.status, c.answer, c.request, get, got, c.want)
			}
		}
	}
}

func TestConditionsAreEvaluatedAgainstAnAnswerThatPasses(t *testing.T) {
	lm := "Last-Modified: " + at(-3000)
	for _, c := range []struct {
		what, request string
		status        int
		answer        string
		want          bool
	}{
		{"the tag", `If-None-Match: "a"`, 200, `ETag: "a"`, true},
		{"a weak one, not to be stored", `If-None-Match: "b", W/"a"`, 200, `ETag: "a" | Cache-Control: no-store | Vary: *`, true},
		{"another", `If-None-Match: "b"`, 200, `ETag: "a"`, false},
		{"none", `If-None-Match: "b"`, 200, "X-A: 1", false},
		{"a broken one", "If-None-Match: a", 200, "ETag: a", false},
		{"any", "If-None-Match: *", 200, "X-A: 1", true},
		{"the date", "If-Modified-Since: " + at(-3000), 200, lm, true},
		{"an earlier date", "If-Modified-Since: " + at(-3001), 200, lm, false},
		{"no date: Date does not stand in", "If-Modified-Since: " + at(0), 200, "Date: " + at(-9), false},
		{"another status", `If-None-Match: "a"`, 404, `ETag: "a"`, false},
		{"no condition", "", 200, `ETag: "a"`, false},
	} {
		if got := PassedNotModified(get(c.request, c.status, c.answer)); got != c.want {
			t.Errorf("RFC 9110 13.2.2: %s: %q -> %d %q: %v, want %v", c.what, c.request, c.status, c.answer, got, c.want)
		}
	}
}

func TestConditionsThatOnlyAnOriginEvaluates(t *testing.T) {
	for request, want := range map[string]bool{
		`If-Match: "a"`:                 true,
		"If-Match: *":                   true,
		"If-Unmodified-Since: " + at(0): true,
		`If-None-Match: "a"`:            false,
		"":                              false,
	} {
		if ForOrigin(fields(request)) != want {
			t.Errorf("RFC 9111 4.3.2: %q: %v, want %v", request, !want, want)
		}
	}
}

func TestIfRangeDecidesWhetherARangeCounts(t *testing.T) {
	for _, c := range []struct {
		section, answer, request string
		want                     Outcome
	}{
		{"14.2: without", `ETag: "a"`, "Range: bytes=0-9", Partial},
		{"13.1.5: the tag", `ETag: "a"`, `Range: bytes=0-9 | If-Range: "a"`, Partial},
		{"13.1.5: another", `ETag: "a"`, `Range: bytes=0-9 | If-Range: "b"`, Whole},
		{"13.1.5: strong comparison", `ETag: W/"a"`, `Range: bytes=0-9 | If-Range: W/"a"`, Whole},
		{"13.1.5: strong comparison", `ETag: "a"`, `Range: bytes=0-9 | If-Range: W/"a"`, Whole},
		{"13.1.5: strong comparison", `ETag: W/"a"`, `Range: bytes=0-9 | If-Range: "a"`, Whole},
		{"13.1.5: a list", `ETag: "a"`, `Range: bytes=0-9 | If-Range: "a", "b"`, Whole},
		{"13.1.5: twice", `ETag: "a"`, `Range: bytes=0-9 | If-Range: "a" | If-Range: "a"`, Whole},
		{"13.1.5: nothing stored", "X-A: 1", `Range: bytes=0-9 | If-Range: "a"`, Whole},
		{"13.1.5: neither", `ETag: "a"`, "Range: bytes=0-9 | If-Range: a", Whole},
		{"13.1.5: the date", "Last-Modified: " + at(-60), "Range: bytes=0-9 | If-Range: " + at(-60), Partial},
		{"13.1.5: a later date is another", "Last-Modified: " + at(-60), "Range: bytes=0-9 | If-Range: " + at(-59), Whole},
		{"13.1.5: an earlier date is another", "Last-Modified: " + at(-60), "Range: bytes=0-9 | If-Range: " + at(-61), Whole},
		{"8.8.2.2: a date of an answer without Date", "Date: x | Last-Modified: " + at(-60), "Range: bytes=0-9 | If-Range: " + at(-60), Whole},
		{"8.8.2.2: a weak date", "Last-Modified: " + at(0), "Range: bytes=0-9 | If-Range: " + at(0), Whole},
		{"8.8.2.2: a strong date", "Last-Modified: " + at(-1), "Range: bytes=0-9 | If-Range: " + at(-1), Partial},
		{"8.8.2.2: a date after Date", "Last-Modified: " + at(60), "Range: bytes=0-9 | If-Range: " + at(60), Whole},
		{"13.1.5: no stored date", `ETag: "a"`, "Range: bytes=0-9 | If-Range: " + at(0), Whole},
		{"13.1.5: without Range", `ETag: "a"`, `If-Range: "b"`, Whole},
		{"13.2.2: If-None-Match first", `ETag: "a"`, `Range: bytes=0-9 | If-Range: "a" | If-None-Match: "a"`, Unchanged},
		{"13.2.2: Range if If-None-Match lets it", `ETag: "a"`, `Range: bytes=0-9 | If-Range: "a" | If-None-Match: "b"`, Partial},
		{"15.5.17: nothing there", `ETag: "a"`, `Range: bytes=100- | If-Range: "a"`, Unsatisfiable},
		{"13.1.5: nothing there, but another", `ETag: "a"`, `Range: bytes=100- | If-Range: "b"`, Whole},
	} {
		answer := c.answer + " | Cache-Control: max-age=60"
		if !strings.Contains(answer, "Date: ") {
			answer += " | Date: " + at(0)
		}
		head, f := stored(t, answer)
		var r Ranges
		if got := Evaluate(&r, head, &f, true, fields(c.request), 100, now); got != c.want {
			t.Errorf("RFC 9110 %s: %q asked with %q: %v, want %v", c.section, c.answer, c.request, got, c.want)
		}
	}
}

func TestARangeIsForAWhole200ToGET(t *testing.T) {
	for _, c := range []struct {
		section string
		status  int
		get     bool
		length  int64
		request string
		want    Outcome
	}{
		{"14.2: GET", 200, true, 100, "Range: bytes=0-9", Partial},
		{"14.2: HEAD", 200, false, 100, "Range: bytes=0-9", Whole},
		{"14.2: another status", 203, true, 100, "Range: bytes=0-9", Whole},
		{"14.2: another status", 404, true, 100, "Range: bytes=0-9", Whole},
		{"14.4: an unknown length", 200, true, -1, "Range: bytes=0-9", Whole},
		{"14.2: two fields", 200, true, 100, "Range: bytes=0-9 | Range: bytes=0-9", Whole},
	} {
		head, f := storedAs(t, get("", c.status, "Cache-Control: max-age=60"), &Config{})
		var r Ranges
		if got := Evaluate(&r, head, &f, c.get, fields(c.request), c.length, now); got != c.want {
			t.Errorf("RFC 9110 %s: %v, want %v", c.section, got, c.want)
		}
	}
}
