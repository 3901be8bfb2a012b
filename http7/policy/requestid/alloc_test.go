package requestid_test

import (
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/requestid"
	"weir/http7/wire"
)

var limits = wire.Limits{HeadBytes: 1 << 16, Fields: 200, TargetBytes: 1 << 15}

// exchange is one whose request head is text, with "\n" for line ends.
func exchange(t testing.TB, text string) *http7.Exchange {
	t.Helper()
	x := &http7.Exchange{Arrival: time.Date(2026, 1, 2, 3, 4, 5, 678_500_000, time.UTC)}
	x.LocalAnswer(200)
	var p wire.RequestParser
	var q wire.Request
	if n, f := p.Parse([]byte(strings.ReplaceAll(text, "\n", "\r\n")), &limits, &q, &x.Request); n == 0 {
		t.Fatalf("not a request: %v", f)
	}
	return x
}

// run takes x through the steps and back.
func run(x *http7.Exchange, steps []http7.Step) {
	steps[0].Request.Request(x)
	steps[2].Request.Request(x)
	steps[1].Response.Response(x)
}

func fields(h *http7.Header) string {
	return strings.ReplaceAll(string(h.AppendLines(nil, 0)), "\r\n", "\n")
}

func TestIdsAllocateNothing(t *testing.T) {
	for what, change := range map[string]func(*requestid.Config){"made": nil, "trusted": trusting} {
		x, steps := exchange(t, head("X-Request-Id: abc\nX_Request_Id: 1\n")), compile(t, change)
		pass := func() {
			run(x, steps)
			x.Request.Reset(nil)
			x.Request.AddRaw([]byte("X-Request-Id"), []byte("abc"))
			id, arrival := len(x.RequestID), x.Arrival
			x.Release()
			x.Arrival = arrival
			x.LocalAnswer(200)
			if id == 0 {
				t.Fatal("no id")
			}
		}
		pass()
		if n := testing.AllocsPerRun(1000, pass); n != 0 {
			t.Errorf("%s: allocates %v times", what, n)
		}
	}
}

func TestMadeIdsTellTheTimeInOrderAndDiffer(t *testing.T) {
	steps := compile(t, nil)
	seen, last := map[string]bool{}, ""
	for i := range 2000 {
		x := exchange(t, head(""))
		x.Arrival = x.Arrival.Add(time.Duration(i) * 500 * time.Nanosecond)
		steps[0].Request.Request(x)
		id := string(x.RequestID)
		// 2026-01-02T03:04:05.678Z is 0x19b7ca98f2e ms; half of one more is 0x800 of 0x1000.
		if want := "019b7ca9-8f2e-7800-"; i == 0 && !strings.HasPrefix(id, want) {
			t.Errorf("got %q, want %q…", id, want)
		}
		if seen[id] || id[:18] < last {
			t.Fatalf("%q came after %q, or before", id, last)
		}
		seen[id], last = true, id[:18]
	}
}

func TestWithoutATimeItIsNow(t *testing.T) {
	x, before := exchange(t, head("")), time.Now()
	x.Arrival = time.Time{}
	compile(t, nil)[0].Request.Request(x)
	y := exchange(t, head(""))
	y.Arrival = before
	compile(t, nil)[0].Request.Request(y)
	if string(x.RequestID[:18]) < string(y.RequestID[:18]) {
		t.Errorf("%q is before %q", x.RequestID, y.RequestID)
	}
}

// FuzzTrustedIds: whatever a client says, the id is fit for a field and a line of the log.
func FuzzTrustedIds(f *testing.F) {
	for _, s := range []string{"", "abc", "a b", "\x7f", "é", strings.Repeat("a", 128), strings.Repeat("a", 129)} {
		f.Add(s)
	}
	steps := compile(f, trusting)
	f.Fuzz(func(t *testing.T, said string) {
		x := &http7.Exchange{}
		x.LocalAnswer(200)
		x.Request.AddRaw([]byte("X-Request-Id"), []byte(said))
		run(x, steps)
		id := string(x.RequestID)
		plain := !strings.ContainsFunc(said, func(r rune) bool { return r <= ' ' || r >= 0x7f })
		if fit := plain && len(said) > 0 && len(said) <= 128; fit != (id == said) || !fit && !uuid7.MatchString(id) {
			t.Errorf("%q became %q", said, id)
		}
		if want := "X-Request-Id: " + id + "\n"; fields(&x.Request) != want || fields(&x.Answer.Header) != want {
			t.Errorf("%q, %q", fields(&x.Request), fields(&x.Answer.Header))
		}
	})
}

func BenchmarkIds(b *testing.B) {
	for _, c := range []struct {
		what   string
		change func(*requestid.Config)
	}{{"made", nil}, {"trusted", trusting}} {
		b.Run(c.what, func(b *testing.B) {
			x, steps := exchange(b, head("")), compile(b, c.change)
			b.ReportAllocs()
			for b.Loop() {
				x.Release()
				x.Arrival = time.Unix(1767323045, 0)
				x.LocalAnswer(200)
				x.Request.AddRaw([]byte("X-Request-Id"), []byte("abc"))
				run(x, steps)
			}
		})
	}
}
