package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"weir/bench"
	"weir/bench/report/chart"
)

// hostile is text that a target, a scenario or a command line could hold.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</style><script>alert(1)</script>`,
	`</title><script>alert(1)</script>`, `</svg><script>alert(1)</script>`, `{{.Style}}`, `javascript:alert(1)`, "\x00\x01\xff", `&lt;script&gt;`, `]]><script>`,
}

func rendered(t *testing.T, r *bench.Report, x *Extras) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := HTML(&out, r, x); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestNothingFromOutsideBecomesMarkup(t *testing.T) {
	element := regexp.MustCompile(`(?i)<(script|img|iframe|object|link|base|form|a)\b|<[^>]*\s(on\w+|style|href|src)\s*=`)
	for _, evil := range hostile {
		r := withClasses()
		r.Target, r.Program, r.Settings.Rate, r.Settings.Protocol, r.Machine.CPU = evil, evil, evil, evil, evil
		r.Invalid, r.FirstFailures["timeout"], r.Classes[0].Name = nil, evil, evil
		x := &Extras{Capacity: search(), Recorded: &Recorded{Name: evil, Histogram: single().Histogram}}
		x.Capacity.Goal = evil
		page := string(rendered(t, r, x))
		r.Invalid = []string{evil}
		for _, text := range []string{page, string(rendered(t, r, x))} {
			if found := element.FindString(text); found != "" {
				t.Errorf("%q: the page has %q", evil, found)
			}
			if strings.Count(text, "<style>") != 1 || strings.Count(text, "</svg>") != strings.Count(text, "<svg ") {
				t.Errorf("%q: broke out of its element", evil)
			}
		}
	}
}

func TestThePageAllowsNothingButItsOwnStyle(t *testing.T) {
	page := string(rendered(t, single(), nil))
	text := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	hash := sha256.Sum256([]byte(text[1]))
	policy := `content="default-src 'none'; style-src 'sha256-` + base64.StdEncoding.EncodeToString(hash[:]) + `'`
	if !strings.Contains(strings.ReplaceAll(page, "&#43;", "+"), policy) {
		t.Errorf("the policy is not %s", policy)
	}
	for _, outside := range []string{"http-equiv=\"refresh", "@import", "url(", "//fonts"} {
		if strings.Contains(page, outside) {
			t.Errorf("%q is in the page", outside)
		}
	}
}

func TestAnInvalidPageHasNoLatencies(t *testing.T) {
	r := late()
	r.Classes = withClasses().Classes
	page := string(rendered(t, r, nil))
	for _, bad := range []string{latency(r.Latency.P50), latency(r.Latency.P99), latency(r.Latency.P999), latency(r.Latency.Mean), "percentile<", "latency-time"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	for _, want := range []string{"INVALID", "The generator sent 2711 of 59564", "--max-lag", "Rate over time", "lag-time-t", "read order"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}

func TestEveryPictureCanBeHeardAndReadAsATable(t *testing.T) {
	page := string(rendered(t, withClasses(), &Extras{Capacity: search()}))
	figures := strings.Split(page, "<figure>")[1:]
	if len(figures) != 7 {
		t.Fatalf("%d figures, want 7", len(figures))
	}
	for _, f := range figures {
		for _, want := range []string{`role="img"`, "aria-labelledby=", "<title id=", "<desc id=", "<figcaption>", "<summary>The same in figures", "<table>", `<th scope="col">`} {
			if !strings.Contains(f, want) {
				t.Errorf("no %s in %.120s", want, f)
			}
		}
	}
	if want := `<title id="percentiles-t">Latency by percentile</title><desc id="percentiles-d">A line that rises from `; !strings.Contains(page, want) {
		t.Errorf("no %s", want)
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("two elements are called %s", m[1])
		}
		ids[m[1]] = true
	}
}

func TestEveryInkOfAPictureHasAColour(t *testing.T) {
	page := string(rendered(t, withClasses(), &Extras{Capacity: search(), Recorded: &Recorded{Name: "log", Histogram: single().Histogram}}))
	for _, m := range regexp.MustCompile(`class="([a-z -]*(?:stroke|fill|key)-[a-z -]*)"`).FindAllStringSubmatch(page, -1) {
		for class := range strings.FieldsSeq(m[1]) {
			if class != "dashed" && class != "fill-x" && class != "fill-y" && !strings.Contains(style, "."+class) {
				t.Errorf("the style does not know %s", class)
			}
		}
	}
	for _, ink := range chart.Inks() {
		if n := strings.Count(style, "--"+ink.Class()+":"); ink != chart.Strong && n != 2 {
			t.Errorf("%s has %d colours, want one for light and one for dark", ink.Class(), n)
		}
	}
}

func TestAPictureIsWellFormed(t *testing.T) {
	drawings, err := pictures(withClasses(), &Extras{Capacity: search()})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range drawings {
		in := xml.NewDecoder(strings.NewReader(string(p.SVG)))
		for {
			if _, err := in.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", p.Title, err)
			}
		}
		if strings.Contains(string(p.SVG), "NaN") || strings.Contains(string(p.SVG), "Inf") || strings.Contains(string(p.SVG), "e+") {
			t.Errorf("%s: a number that is none", p.Title)
		}
	}
}

func TestASearchWithoutATrustworthyRunHasNoPicture(t *testing.T) {
	if d := capacity(&Capacity{Rungs: []Rung{{Rate: 5}}}); d != nil {
		t.Error("drawn")
	}
	if d := capacity(&Capacity{}); d != nil {
		t.Error("drawn from nothing")
	}
	none := capacity(&Capacity{Goal: "p99<1ms", Rungs: []Rung{{Rate: 5, Valid: true, Latency: bench.Quantiles{P50: 1e6, P99: 2e6, P999: 3e6}}}})
	if !strings.Contains(none.Description, "No rate held the goal") || len(none.Marks) != 0 || none.table.Rows[0][5] != "missed" {
		t.Errorf("%+v", none)
	}
}

func TestAComparisonHasRatios(t *testing.T) {
	r := single()
	slower := bench.NewHistogram() // its 200 requests tell no p99.9
	for range 200 {
		slower.Record(400 * time.Microsecond)
	}
	rows := latencyTable(r, &Recorded{Name: "in the log", Histogram: slower}).Rows
	for _, row := range rows {
		switch row[0] {
		case "p50":
			if row[3] != "0.50" {
				t.Errorf("%q, want a ratio of 0.50", row)
			}
		case "p99.9":
			if row[2] != none || row[3] != none {
				t.Errorf("%q, want no value and no ratio", row)
			}
		}
	}
}

func TestNumbersStayWithTheirUnits(t *testing.T) {
	for words, want := range map[string]string{"took 10 s": "took 10\u00a0s", "4,022 requests": "4,022 requests", "10 steps of 3 hours": "10 steps of 3 hours", "3 s": "3\u00a0s", "1 min 30 s.": "1\u00a0min 30\u00a0s.", "1.5 MB and 3 %": "1.5\u00a0MB and 3\u00a0%"} {
		if got := together(words); got != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
}

// FuzzReports reads reports as a file could hold them: whatever they say, both forms are written.
func FuzzReports(f *testing.F) {
	withoutSeries := single()
	withoutSeries.Series = nil
	for _, r := range []*bench.Report{single(), nothing(), late(), refused(), withoutSeries} {
		var out bytes.Buffer
		if err := r.Write(&out); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
	f.Add([]byte(`{"format":"weir-bench/1","requests":5,"ok":5,"series":[{"at_ns":-1},{"at_ns":9223372036854775807,"ok":3}],"settings":{"loop":"open","rate":"1e300/s in -5s, 3/s"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := bench.ReadReport(bytes.NewReader(text))
		if err != nil {
			return
		}
		if err := Text(io.Discard, r, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := HTML(io.Discard, r, nil); err != nil {
			t.Fatal(err)
		}
	})
}
