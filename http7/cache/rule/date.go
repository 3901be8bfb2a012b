package rule

import (
	"time"

	"weir/http7"
)

// NoDate is the date of what has none.
const NoDate = -1 << 63

// ParseDate reads an HTTP-date in any of its three forms (RFC 9110 §5.6.7), whatever the case of its letters (RFC 9111
// §4.2). now, in Unix nanoseconds, places the two-digit years of RFC 850. Whether the weekday fits is not looked at, the
// rest must be exact: another zone than GMT, another number of spaces or digits is no date. second is Unix time.
func ParseDate(b []byte, now int64) (second int64, ok bool) {
	var d civil
	switch {
	case len(b) > 4 && b[3] == ',':
		ok = d.fixed(b)
	case len(b) > 4 && b[3] == ' ':
		ok = d.asctime(b)
	default:
		ok = d.rfc850(b, now)
	}
	if !ok || !d.valid() {
		return 0, false
	}
	return d.unix(), true
}

// AppendDate appends the Unix time as an IMF-fixdate.
func AppendDate(dst []byte, second int64) []byte {
	return time.Unix(second, 0).UTC().AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT")
}

// civil is a date and time of UTC.
type civil struct{ year, month, day, hour, minute, second int }

// The layouts: 0 is a digit, other bytes stand for themselves, ? for what is read apart.
const (
	fixedLayout   = "???, 00 ??? 0000 00:00:00 GMT"
	asctimeLayout = "??? ??? ?0 00:00:00 0000"
	rfc850Layout  = ", 00-???-00 00:00:00 GMT" // behind the weekday
)

// fixed reads "Sun, 06 Nov 1994 08:49:37 GMT".
func (d *civil) fixed(b []byte) bool {
	if !matches(b, fixedLayout) || !isWeekday(b[:3]) {
		return false
	}
	d.day, d.month, d.year = digits(b[5:7]), monthOf(b[8:11]), digits(b[12:16])
	d.clock(b[17:25])
	return true
}

// asctime reads "Sun Nov  6 08:49:37 1994".
func (d *civil) asctime(b []byte) bool {
	if !matches(b, asctimeLayout) || !isWeekday(b[:3]) {
		return false
	}
	d.month, d.year = monthOf(b[4:7]), digits(b[20:24])
	switch c := b[8]; {
	case c == ' ':
		d.day = digits(b[9:10])
	case '0' <= c && c <= '9':
		d.day = digits(b[8:10])
	}
	d.clock(b[11:19])
	return true
}

// rfc850 reads "Sunday, 06-Nov-94 08:49:37 GMT". A year that seems to be more than 50 years ahead is of the century
// before (RFC 9110 §5.6.7).
func (d *civil) rfc850(b []byte, now int64) bool {
	name, rest := cutToken(b)
	if !matches(rest, rfc850Layout) || !isLongWeekday(name) {
		return false
	}
	d.day, d.month = digits(rest[2:4]), monthOf(rest[5:8])
	d.clock(rest[12:20])
	this := time.Unix(0, now).UTC()
	d.year = this.Year() - this.Year()%100 + digits(rest[9:11])
	if d.valid() && d.unix() > this.AddDate(50, 0, 0).Unix() {
		d.year -= 100
	}
	return true
}

func (d *civil) clock(b []byte) {
	d.hour, d.minute, d.second = digits(b[:2]), digits(b[3:5]), digits(b[6:8])
}

// valid reports whether there is such a day; a leap second may be.
func (d *civil) valid() bool {
	if d.month < 1 || d.day < 1 || d.day > 31 || d.hour > 23 || d.minute > 59 || d.second > 60 {
		return false
	}
	return d.day <= daysOf(d.year, d.month)
}

func (d *civil) unix() int64 {
	return time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.second, 0, time.UTC).Unix()
}

func daysOf(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// matches reports whether b fits a layout.
func matches(b []byte, layout string) bool {
	if len(b) != len(layout) {
		return false
	}
	for i := range b {
		switch c := layout[i]; {
		case c == '?':
		case c == '0':
			if b[i] < '0' || b[i] > '9' {
				return false
			}
		case lower(b[i]) != lower(c):
			return false
		}
	}
	return true
}

// digits is the number that b, all digits, writes.
func digits(b []byte) (n int) {
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n
}

const (
	weekdays = "SunMonTueWedThuFriSat"
	months   = "JanFebMarAprMayJunJulAugSepOctNovDec"
)

func isWeekday(b []byte) bool { return indexOf(b, weekdays) >= 0 }

// monthOf returns 1 to 12, 0 for what is no month.
func monthOf(b []byte) int { return indexOf(b, months) + 1 }

// indexOf returns the place of a name of three letters in a row of such, -1 if it isn't there.
func indexOf(b []byte, names string) int {
	for i := 0; i+3 <= len(names); i += 3 {
		if http7.EqualFold(b, names[i:i+3]) {
			return i / 3
		}
	}
	return -1
}

func isLongWeekday(b []byte) bool {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if http7.EqualFold(b, d.String()) {
			return true
		}
	}
	return false
}
