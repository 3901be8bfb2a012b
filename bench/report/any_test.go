package report

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"weir/bench"
)

// anyReport is a run of chance: long or short, fast or slow, with failures or without, valid or not.
func anyReport(r *rand.Rand) *bench.Report {
	perSecond, middle, wide := r.IntN(40), anywhere(r, 3, 10), anywhere(r, -2, 3)
	failing := r.IntN(3) == 0
	out := sample(1+r.IntN(30), func(second int, s *bench.Second, record func(time.Duration)) {
		for range perSecond {
			record(time.Duration(middle * (1 + wide*r.Float64())))
		}
		if failing {
			s.Failures[r.IntN(len(s.Failures))] += int64(anywhere(r, 0, 6))
		}
		s.Late = int64(r.IntN(1 + perSecond))
	})
	if r.IntN(2) == 0 {
		out.Settings.Loop, out.Settings.Rate = "closed", ""
	}
	if r.IntN(4) == 0 {
		out.Invalid = []string{"the generator was late"}
		out.Distorted = out.Requests / 10
	}
	out.CutShort = r.IntN(4) == 0
	out.Unsent = int64(r.IntN(2) * r.IntN(1e6))
	out.Target = "http://h/" + strings.Repeat("täglich ", r.IntN(40))
	out.Statuses[100+r.IntN(500)] = int64(anywhere(r, 0, 9))
	for range r.IntN(6) {
		out.FirstFailures[jsonName(bench.Kind(r.IntN(len(out.Failures))))] = strings.Repeat("weit ", r.IntN(50))
		out.Classes = append(out.Classes, bench.Class{Name: strings.Repeat("k", r.IntN(90)), OK: int64(r.IntN(2)) * out.OK, Latency: out.Latency, Histogram: out.Histogram})
	}
	return out
}

func TestAnyTextFitsItsScreen(t *testing.T) {
	r := chance()
	for range 60 {
		report, width := anyReport(r), 60+r.IntN(80)
		text := written(t, report, TextOptions{Width: width})
		for _, line := range strings.Split(text, "\n") {
			if n := utf8.RuneCountInString(line); n > min(max(width, 72), 120) {
				t.Errorf("width %d: %d columns: %q", width, n, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("spaces at the end of %q", line)
			}
		}
		for _, bad := range []string{"NaN", "Inf", "-0", "%!", "\u00a0", "\n\n\n"} {
			if strings.Contains(text, bad) {
				t.Errorf("%q in:\n%s", bad, text)
			}
		}
	}
}

func TestFiguresOfAllListsStandBelowEachOther(t *testing.T) {
	list := regexp.MustCompile(`^  ([A-Z][a-zA-Z ]*|[0-9]{3}|connect|timeout|reset|status|body|tls|malformed|short body|unsent) +([0-9,.]+( [kMGT]?B| [µm]?s)?)   `)
	r := chance()
	for range 40 {
		text := written(t, anyReport(r), TextOptions{})
		column := 0
		for _, line := range strings.Split(text, "\n") {
			m := list.FindStringIndex(line)
			if m == nil {
				continue
			}
			at := utf8.RuneCountInString(line[:m[1]])
			if column == 0 {
				column = at
			}
			if at != column {
				t.Errorf("the figure ends at column %d, want %d, in %q of:\n%s", at, column, line, text)
			}
		}
		if column == 0 {
			t.Errorf("no figure in:\n%s", text)
		}
	}
}

// balanced reports the first element of a page that is not closed in order.
func balanced(page string) error {
	var open []string
	for _, m := range regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)[^>]*?(/?)>`).FindAllStringSubmatch(page, -1) {
		switch name := strings.ToLower(m[2]); {
		case name == "meta" || m[3] == "/":
		case m[1] == "":
			open = append(open, name)
		case len(open) == 0 || open[len(open)-1] != name:
			return fmt.Errorf("</%s> within %v", name, open)
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("%v is never closed", open)
	}
	return nil
}

func TestAnyPageIsWhole(t *testing.T) {
	r := chance()
	for range 25 {
		report := anyReport(r)
		page := string(rendered(t, report, nil))
		if err := balanced(page); err != nil {
			t.Error(err)
		}
		for _, bad := range []string{"NaN", "%!", "ZgotmplZ", "<no value>"} {
			if strings.Contains(page, bad) {
				t.Errorf("%q is in the page", bad)
			}
		}
		if shown := strings.Contains(page, "Latency by percentile"); shown != (report.Valid() && report.OK > 0) {
			t.Errorf("latencies shown: %v; valid %v, %d OK", shown, report.Valid(), report.OK)
		}
	}
}

func TestTextAndPageSayTheSame(t *testing.T) {
	for name, r := range map[string]*bench.Report{"classes": withClasses(), "frozen": frozen(), "invalid": late(), "nothing": nothing(), "refused": refused(), "one": alone()} {
		page := strings.ReplaceAll(string(rendered(t, r, nil)), "\u00a0", " ")
		text := written(t, r, TextOptions{Width: 120})
		for _, list := range [][]figure{figures(r), failed(r), statuses(r), generator(r)} {
			for _, f := range list {
				if !strings.Contains(page, f.Value) || !strings.Contains(text, f.Value) {
					t.Errorf("%s: %s %q is not in both", name, f.Label, f.Value)
				}
			}
		}
		for _, n := range notices(r) {
			if !strings.Contains(page, n.Head) || !strings.Contains(text, n.Head+": ") {
				t.Errorf("%s: %q is not in both", name, n.Head)
			}
		}
		if !r.Valid() || r.OK == 0 {
			continue
		}
		for _, p := range points(&r.Latency) {
			if v := p.value(r.OK); !strings.Contains(page, "<td>"+v+"</td>") || !strings.Contains(text, v) {
				t.Errorf("%s: %s of %s is not in both", name, p.Name, v)
			}
		}
	}
}

// tight is a place that takes so many bytes and no more.
type tight struct {
	kept bytes.Buffer
	room int
}

var errTight = errors.New("no space left")

func (w *tight) Write(text []byte) (int, error) {
	n := min(len(text), w.room-w.kept.Len())
	_, _ = w.kept.Write(text[:n])
	if n < len(text) {
		return n, errTight
	}
	return n, nil
}

func TestAPlaceThatIsFullIsReportedWhereverItEnds(t *testing.T) {
	r := single()
	page, text := len(rendered(t, r, nil)), len(written(t, r, TextOptions{}))
	for _, share := range []float64{0, 0.1, 0.5, 0.9, 0.9999} {
		if err := HTML(&tight{room: int(share * float64(page))}, r, nil); !errors.Is(err, errTight) {
			t.Errorf("a page with room for %v of it: %v", share, err)
		}
		if err := Text(&tight{room: int(share * float64(text))}, r, TextOptions{}); !errors.Is(err, errTight) {
			t.Errorf("a text with room for %v of it: %v", share, err)
		}
	}
	w := &tight{room: page}
	if err := HTML(w, r, nil); err != nil || w.kept.Len() != page {
		t.Errorf("with enough room: %v, %d of %d bytes", err, w.kept.Len(), page)
	}
}

func TestReportsAreNotChangedByBeingShown(t *testing.T) {
	for name, r := range map[string]*bench.Report{"classes": withClasses(), "invalid": late(), "frozen": frozen()} {
		var before, after bytes.Buffer
		if err := r.Write(&before); err != nil {
			t.Fatal(err)
		}
		first := written(t, r, TextOptions{})
		rendered(t, r, &Extras{Capacity: search()})
		if err := r.Write(&after); err != nil {
			t.Fatal(err)
		}
		if again := written(t, r, TextOptions{}); !bytes.Equal(before.Bytes(), after.Bytes()) || again != first {
			t.Errorf("%s: another report after it was shown", name)
		}
	}
}

func TestWrappedWordsAreAllThereAndFit(t *testing.T) {
	r := chance()
	letters := []rune("abcdefgh µ–10 %sm   ")
	for range 3000 {
		words := make([]rune, r.IntN(120))
		for i := range words {
			words[i] = letters[r.IntN(len(letters))]
		}
		width := 1 + r.IntN(40)
		lines := wrap(string(words), width)
		for _, l := range lines {
			if utf8.RuneCountInString(l) > width {
				t.Errorf("%q in %d: a line %q", string(words), width, l)
			}
		}
		bare := func(text string) string { return strings.Join(strings.Fields(text), "") }
		if got, want := bare(strings.Join(lines, "")), bare(string(words)); got != want {
			t.Errorf("%q in %d: %q", string(words), width, lines)
		}
	}
}

func TestCleanTextKeepsItsLettersAndLosesItsCommands(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain – µs, 日本": "plain – µs, 日本", "\x1b[31mred": "·[31mred", "a\tb\r\n": "a·b··", "\x7f\u0085\u009b": "···", "\u202eabc\u2066": "·abc·", "\xff": "·",
	} {
		if got := clean(text); got != want || clean(got) != got {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for r := range rune(0x3000) {
		if got := clean(string(r)); utf8.RuneCountInString(got) != 1 || unicode.IsControl([]rune(got)[0]) {
			t.Errorf("%U: %q", r, got)
		}
	}
}

func TestATextIsCutWithAMark(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"äöüß", 3, "äö…"}, {"abc", 1, "…"}, {"abc", 0, "…"}} {
		if got := cut(c.text, c.width); got != c.want {
			t.Errorf("%q to %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
