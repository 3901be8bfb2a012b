package replay

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/bench"
	"weir/internal/obs"
)

// anyBytes returns random bytes in which awkward ones are frequent.
func anyBytes(random *rand.Rand, most int) string {
	const awkward = "\"\\'-[] {}\x00\x01\n\r\t\x7f\x80\xff\xc3\xa9xnrtvb09AFaf"
	b := make([]byte, random.IntN(most))
	for i := range b {
		b[i] = awkward[random.IntN(len(awkward))]
	}
	return string(b)
}

// nginxEscape writes a value as nginx does: \xHH for what is not printable ASCII, and for " and \
// (ngx_http_log_escape, escape=default).
func nginxEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\x%02X`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// apacheEscape writes a value as Apache does: C escapes where there are any, else \xhh
// (ap_escape_logitem).
func apacheEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case strings.IndexByte("\"\\", c) >= 0:
			b.WriteString("\\" + string(c))
		case strings.IndexByte("\b\n\r\t\v", c) >= 0:
			b.WriteString("\\" + string("bnrtv"[strings.IndexByte("\b\n\r\t\v", c)]))
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func TestWhatNginxAndApacheEscapeIsReadBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		want := anyBytes(random, 30)
		for name, escape := range map[string]func(string) string{"nginx": nginxEscape, "Apache": apacheEscape} {
			text, rest, err := quoted(escape(want) + `" 200`)
			if err != nil || text != want || rest != " 200" {
				t.Fatalf("%s: %q came back as %q, rest %q (%v)", name, want, text, rest, err)
			}
		}
	}
}

func TestACombinedLineIsReadAsItWasWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	zones := []*time.Location{time.UTC, time.FixedZone("", 2*3600), time.FixedZone("", -5*3600-1800)}
	var p parsers
	for range 3000 {
		want := record{at: time.Unix(1_700_000_000+random.Int64N(1e6), 0), method: []string{"GET", "POST", "X-Y"}[random.IntN(3)],
			target: "/" + strings.Map(printable, anyBytes(random, 20)), status: 200 + random.IntN(300), agent: "a" + anyBytes(random, 20), referer: "r" + anyBytes(random, 20)}
		line := fmt.Sprintf(`10.0.0.%d - - [%s] "%s" %d %d "%s" "%s"`, random.IntN(256), want.at.In(zones[random.IntN(3)]).Format("02/Jan/2006:15:04:05 -0700"),
			nginxEscape(want.method+" "+want.target+" HTTP/1.1"), want.status, random.IntN(1e6), nginxEscape(want.referer), nginxEscape(want.agent))
		if random.IntN(2) == 0 {
			want.took, want.timed, want.atEnd = time.Duration(random.IntN(100_000))*time.Millisecond, true, true
			line += fmt.Sprintf(" %d.%03d", want.took/time.Second, want.took%time.Second/time.Millisecond)
		}
		// What is no line can't be sent in a header field.
		for _, value := range []*string{&want.agent, &want.referer} {
			if !oneLine(*value) {
				*value = ""
			}
		}
		var got record
		if err := p.parse(combined, line, &got); err != nil || !got.at.Equal(want.at) {
			t.Fatalf("%s: at %v, want %v (%v)", line, got.at, want.at, err)
		}
		got.at = want.at
		if got != want {
			t.Fatalf("%s:\n%+v, want\n%+v", line, got, want)
		}
	}
}

// printable drops what no target holds.
func printable(c rune) rune {
	if c <= ' ' || c == 0x7f || c == 0xfffd {
		return -1
	}
	return c
}

func TestAWeirLineIsReadAsItWasWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	var records []obs.Record
	for range 300 {
		records = append(records, obs.Record{
			Arrival: time.UnixMicro(1_700_000_000_000_000 + random.Int64N(1e12)), Proto: "HTTP/1.1", Method: []byte("GET"),
			Host: []byte("h"), Target: []byte("/" + strings.Map(printable, anyBytes(random, 20))), Status: 200 + random.IntN(300),
			Duration: time.Duration(random.IntN(1e9)) * time.Microsecond, BytesIn: random.Int64N(2), Fault: anyBytes(random, 9), RequestID: []byte(anyBytes(random, 9)),
			Verdicts: []obs.Verdict{{Policy: anyBytes(random, 9), Said: anyBytes(random, 9)}},
			Match:    []obs.Matched{{Selector: "header:X-A", Value: []byte("a\"b\\c")}, {Selector: anyBytes(random, 9), Value: []byte(anyBytes(random, 9))}},
		})
	}
	byTarget := map[string][]obs.Record{}
	for _, r := range records {
		byTarget[string(r.Target)] = append(byTarget[string(r.Target)], r)
	}
	for line := range strings.Lines(written(t, records)) {
		var p parsers
		var got record
		if err := p.parse(weirJSON, strings.TrimSpace(line), &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		same := func(r obs.Record) bool {
			return r.Arrival.Equal(got.at) && r.Duration == got.took && r.Status == got.status && (r.BytesIn > 0) == got.body
		}
		if !slices.ContainsFunc(byTarget[got.target], same) || got.host != "h" || !strings.HasPrefix(got.extra, "X-A: a\"b\\c\r\n") {
			t.Fatalf("%s\n%+v is none of the records", line, got)
		}
	}
}

// logOf makes a log of Weir's of arrivals and durations in µs.
func logOf(t *testing.T, at, took []int64) *Log {
	t.Helper()
	var b strings.Builder
	for i := range at {
		fmt.Fprintf(&b, `{"ts":%d,"dur_us":%d,"method":"GET","target":"/%d","status":200}`+"\n", at[i], took[i], i)
	}
	return read(t, "x", b.String(), Options{})
}

func TestConcurrencyIsWhatCountingSays(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		n := 1 + random.IntN(30)
		at, took := make([]int64, n), make([]int64, n)
		for i := range at {
			at[i], took[i] = 1e6+random.Int64N(100), random.Int64N(40)
		}
		want := 0
		for i := range at {
			under := 0 // under way when i arrives, which is when the most can be
			for j := range at {
				if at[j] <= at[i] && at[j]+took[j] >= at[i] {
					under++
				}
			}
			want = max(want, under)
		}
		if got := logOf(t, at, took).Concurrency(1); got != want {
			t.Fatalf("%v %v: %d at once, want %d", at, took, got, want)
		}
	}
}

func TestArrivalsAreTheSortedTimesOfTheLog(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for range 100 {
		n := 1 + random.IntN(50)
		at := make([]int64, n)
		for i := range at {
			at[i] = 1e6 + random.Int64N(1000)
		}
		l := logOf(t, at, make([]int64, n))
		sorted := slices.Sorted(slices.Values(at))
		for i, d := range due(t, l, 1) {
			if want := time.Duration(sorted[i]-sorted[0]) * time.Microsecond; d != want {
				t.Fatalf("request %d is due at %v, want %v", i, d, want)
			}
		}
		// Equal times keep the order of their lines.
		var order []int
		for i := range at {
			order = append(order, i)
		}
		slices.SortStableFunc(order, func(a, b int) int { return int(at[a] - at[b]) })
		var want []string
		for _, i := range order {
			want = append(want, fmt.Sprintf("/%d", i))
		}
		if got := paths(t, l); got != strings.Join(want, " ") {
			t.Fatalf("the order is %s, want %v", got, want)
		}
	}
}

func TestSpreadingMovesNoRequestOutOfItsSecond(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	for round := range 50 {
		var b strings.Builder
		perSecond := map[int]int{}
		for range 1 + random.IntN(60) {
			second := random.IntN(5)
			perSecond[second]++
			fmt.Fprintf(&b, "h - - [09/Mar/2026:10:00:0%d +0000] \"GET /%d HTTP/1.1\" 200 1\n", second, second)
		}
		for _, scatter := range []bool{false, true} {
			l := read(t, "x", b.String(), Options{Scatter: scatter, Seed: uint64(round)})
			got := map[int]int{}
			for i := range l.entries {
				e := &l.entries[i]
				second := int(time.Unix(0, e.at).Sub(utc(10, 0, 0)) / time.Second)
				got[second]++
				if want := fmt.Sprintf("/%d", second); l.texts.all[e.target] != want {
					t.Fatalf("scatter %v: a request of second %s is in %d", scatter, l.texts.all[e.target], second)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(perSecond) {
				t.Fatalf("scatter %v: %v, want %v", scatter, got, perSecond)
			}
		}
	}
}

func TestSpeedKeepsTheProportionsOfTheGaps(t *testing.T) {
	l := logOf(t, []int64{1_000_000, 1_000_100, 1_000_400, 2_000_400}, make([]int64, 4))
	for _, speed := range []float64{0.25, 1, 2, 10} {
		for i, d := range due(t, l, speed) {
			want := float64(due(t, l, 1)[i]) / speed
			if off := float64(d) - want; off > 1 || off < -1 {
				t.Errorf("at %g, request %d is due at %v, want %v", speed, i, d, time.Duration(want))
			}
		}
	}
}

func TestOnlyWhatWasSentIsCompared(t *testing.T) {
	l := logOf(t, []int64{1, 2, 3, 4}, []int64{1000, 2000, 3000, 400_000})
	s := source(t, l, SourceOptions{})
	c := s.Compare(&bench.Report{Requests: 3})
	if c.Requests != 3 || c.Latency.LogCount != 3 || c.Latency.Log.Max > 3100*time.Microsecond || c.Latency.Count != 0 {
		t.Errorf("%+v", c)
	}
	if all := s.Compare(&bench.Report{Requests: 9}); all.Requests != 4 || all.Latency.LogCount != 4 {
		t.Errorf("%+v", all)
	}
}

func TestNumbersReadWell(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0.00 µs"}, {1500, "1.50 µs"}, {999 * time.Microsecond, "999 µs"}, {time.Millisecond, "1.00 ms"},
		{12_345 * time.Microsecond, "12.3 ms"}, {9_999 * time.Microsecond, "10.0 ms"}, {time.Second, "1.00 s"}, {99_960 * time.Millisecond, "100 s"},
	} {
		if got := duration(c.d); got != c.want {
			t.Errorf("%d ns is %s, want %s", c.d, got, c.want)
		}
	}
	for d, want := range map[time.Duration]string{1_234_567: "1ms", 9_999 * time.Millisecond: "9.999s", 12_345 * time.Millisecond: "12.3s", 26*time.Hour + 29*time.Second: "26h0m0s"} {
		if got := shortSpan(d); got != want {
			t.Errorf("%d ns is %s, want %s", d, got, want)
		}
	}
}
