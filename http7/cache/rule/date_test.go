package rule

import (
	"testing"
	"time"
)

func TestDatesAreReadAsRFC9110Says(t *testing.T) {
	for _, c := range []struct{ section, text, want string }{
		{"5.6.7: IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"},
		{"5.6.7: RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37Z"},
		{"5.6.7: asctime", "Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37Z"},
		{"5.6.7: asctime, two digits", "Wed Nov 16 08:49:37 1994", "1994-11-16T08:49:37Z"},
		{"5.6.7: a weekday that does not fit", "Mon, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"},
		{"5.6.7: more than 32 bits", "Tue, 19 Jan 2038 14:14:08 GMT", "2038-01-19T14:14:08Z"},
		{"5.6.7: far ahead", "Sun, 21 Nov 2286 04:46:39 GMT", "2286-11-21T04:46:39Z"},
		{"5.6.7: long ago", "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"},
		{"5.6.7: before", "Sat, 01 Jan 1000 00:00:00 GMT", "1000-01-01T00:00:00Z"},
		{"5.6.7: a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", "2017-01-01T00:00:00Z"},
		{"5.6.7: a leap day", "Thu, 29 Feb 2024 00:00:00 GMT", "2024-02-29T00:00:00Z"},
		{"5.6.7: a leap day of a century", "Tue, 29 Feb 2000 00:00:00 GMT", "2000-02-29T00:00:00Z"},
		{"5.6.7: RFC 850, ahead", "Thursday, 18-Aug-50 02:01:18 GMT", "2050-08-18T02:01:18Z"},
		{"5.6.7: RFC 850, just 50 years ahead", "Saturday, 21-Nov-76 17:59:59 GMT", "2076-11-21T17:59:59Z"},
		{"5.6.7: RFC 850, more than 50 years ahead", "Saturday, 21-Nov-76 18:00:01 GMT", "1976-11-21T18:00:01Z"},
		{"5.6.7: RFC 850, this year", "Monday, 01-Jan-26 00:00:00 GMT", "2026-01-01T00:00:00Z"},
		{"9111 4.2: letters of any case", "THU, 18 AUG 2050 02:01:18 gmt", "2050-08-18T02:01:18Z"},
		{"9111 4.2: letters of any case", "thursday, 18-aug-50 02:01:18 Gmt", "2050-08-18T02:01:18Z"},
		{"9111 4.2: letters of any case", "tHU aug 18 02:01:18 2050", "2050-08-18T02:01:18Z"},

		{"empty", "", ""},
		{"9111 5.3: 0", "0", ""},
		{"9111 5.3: -1", "-1", ""},
		{"9111 4.2: another zone", "Thu, 18 Aug 2050 02:01:18 UTC", ""},
		{"9111 4.2: another zone", "Thu, 18 Aug 2050 02:01:18 AEST", ""},
		{"9111 4.2: an offset", "Thu, 18 Aug 2050 02:01:18 +0000", ""},
		{"no zone", "Thu, 18 Aug 2050 02:01:18", ""},
		{"a year of two digits", "Thu, 18 Aug 50 02:01:18 GMT", ""},
		{"a year of five", "Thu, 18 Aug 20500 02:01:18 GMT", ""},
		{"no comma", "Thu 18 Aug 2050 02:01:18 GMT", ""},
		{"two spaces", "Thu, 18  Aug 2050 02:01:18 GMT", ""},
		{"two spaces", "Thu, 18  Aug  2050 02:01:18 GMT", ""},
		{"dashes", "Thu, 18-Aug-2050 02:01:18 GMT", ""},
		{"full stops", "Thu, 18 Aug 2050 02.01.18 GMT", ""},
		{"one digit of an hour", "Thu, 18 Aug 2050 2:01:18 GMT", ""},
		{"one digit of a day", "Thu, 8 Aug 2050 02:01:18 GMT", ""},
		{"no weekday", "18 Aug 2050 02:01:18 GMT", ""},
		{"a weekday that is none", "Foo, 18 Aug 2050 02:01:18 GMT", ""},
		{"a weekday in full", "Thursday, 18 Aug 2050 02:01:18 GMT", ""},
		{"a weekday cut short", "Thu, 18-Aug-50 02:01:18 GMT", ""},
		{"a weekday cut short", "Thurs, 18-Aug-50 02:01:18 GMT", ""},
		{"a month that is none", "Thu, 18 Agu 2050 02:01:18 GMT", ""},
		{"a month across two", "Thu, 18 anF 2050 02:01:18 GMT", ""},
		{"day 0", "Thu, 00 Aug 2050 02:01:18 GMT", ""},
		{"day 32", "Thu, 32 Aug 2050 02:01:18 GMT", ""},
		{"31 April", "Thu, 31 Apr 2050 02:01:18 GMT", ""},
		{"29 February", "Thu, 29 Feb 2023 02:01:18 GMT", ""},
		{"29 February of a century", "Thu, 29 Feb 2100 02:01:18 GMT", ""},
		{"hour 24", "Thu, 18 Aug 2050 24:00:00 GMT", ""},
		{"minute 60", "Thu, 18 Aug 2050 02:60:18 GMT", ""},
		{"second 61", "Thu, 18 Aug 2050 02:01:61 GMT", ""},
		{"letters for digits", "Thu, 1a Aug 2050 02:01:18 GMT", ""},
		{"something behind", "Thu, 18 Aug 2050 02:01:18 GMT ", ""},
		{"two dates", "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT", ""},
		{"asctime with a letter for the day", "Thu Aug x8 02:01:18 2050", ""},
		{"asctime, day 0", "Thu Aug  0 02:01:18 2050", ""},
		{"asctime with another weekday", "Foo Aug  8 02:01:18 2050", ""},
		{"asctime with a zone", "Thu Aug  8 02:01:18 2050 GMT", ""},
		{"asctime cut short", "Thu Aug  8", ""},
	} {
		got := ""
		if s, ok := ParseDate([]byte(c.text), now); ok {
			got = time.Unix(s, 0).UTC().Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("RFC 9110 %s: %q is %q, want %q", c.section, c.text, got, c.want)
		}
	}
}

func TestDatesAreWrittenAsIMFFixdate(t *testing.T) {
	for _, c := range []struct {
		second int64
		want   string
	}{
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{now / second, "Sat, 21 Nov 2026 18:00:00 GMT"},
	} {
		if got := string(AppendDate(nil, c.second)); got != c.want {
			t.Errorf("%d is %q, want %q", c.second, got, c.want)
		}
	}
}

// Every second of some days comes back as it was written.
func TestDatesComeBackAsTheyWereWritten(t *testing.T) {
	for s := int64(-3e9); s < 9e9; s += 8_640_007 {
		got, ok := ParseDate(AppendDate(nil, s), now)
		if !ok || got != s {
			t.Fatalf("%d came back as %d, %v", s, got, ok)
		}
		text := time.Unix(s, 0).UTC().Format(time.ANSIC)
		if got, ok := ParseDate([]byte(text), now); !ok || got != s {
			t.Fatalf("%q came back as %d, %v, want %d", text, got, ok, s)
		}
	}
}
