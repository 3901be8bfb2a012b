package chart

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func labels(a Axis) string {
	var out []string
	for _, t := range a.Ticks(0, 0) {
		out = append(out, t.Label)
	}
	return strings.Join(out, " | ")
}

func TestAxesAreLabelledAsPeopleRead(t *testing.T) {
	for name, c := range map[string]struct {
		axis Axis
		want string
	}{
		"percentiles of 60,000":   {Percentiles(60_000), "0 % | 50 % | 90 % | 99 % | 99.9 % | 99.99 % | 99.999 %"},
		"percentiles of 5":        {Percentiles(5), "0 % | 50 % | 90 %"},
		"percentiles of none":     {Percentiles(0), "0 % | 50 % | 90 %"},
		"percentiles of 1e9":      {Percentiles(1e9), "0 % | 90 % | 99 % | 99.9 % | 99.99 % | 99.999 % | 99.9999 % | 99.99999 %"},
		"latencies that are near": {Latencies(1e6, 2.4e6), "0 | 500 µs | 1 ms | 1.5 ms | 2 ms | 2.5 ms"},
		"latencies far apart":     {Latencies(1e6, 45e6), "1 ms | 2 ms | 5 ms | 10 ms | 20 ms | 50 ms"},
		"latencies of decades":    {Latencies(150e3, 10.01e9), "100 µs | 1 ms | 10 ms | 100 ms | 1 s | 10 s"},
		"latencies of nothing":    {Latencies(0, 0), "0 | 200 ns | 400 ns | 600 ns | 800 ns | 1 µs"},
		"a narrow range":          {LogLatencies(180e3, 219e3), "150 µs | 200 µs | 300 µs"},
		"one value":               {LogLatencies(1e6, 1e6), "1 ms | 1.5 ms"},
		"a second":                {Elapsed(1), "0 | 0.2 s | 0.4 s | 0.6 s | 0.8 s | 1 s"},
		"a minute":                {Elapsed(60.004), "0 | 10 s | 20 s | 30 s | 40 s | 50 s | 1 min"},
		"two minutes":             {Elapsed(120), "0 | 15 s | 30 s | 45 s | 1 min | 1:15 min | 1:30 min | 1:45 min | 2 min"},
		"ten minutes":             {Elapsed(600), "0 | 2 min | 4 min | 6 min | 8 min | 10 min"},
		"six hours":               {Elapsed(6 * 3600), "0 | 1 h | 2 h | 3 h | 4 h | 5 h | 6 h"},
		"two weeks":               {Elapsed(14 * 24 * 3600), "0 | 2 d | 4 d | 6 d | 8 d | 10 d | 12 d | 14 d"},
		"a high rate":             {Rates(1_000_000), "0 | 200k/s | 400k/s | 600k/s | 800k/s | 1,000k/s | 1,200k/s"},
		"a rate":                  {Rates(1000), "0 | 200/s | 400/s | 600/s | 800/s | 1,000/s | 1,200/s"},
		"a low rate":              {Rates(0.03), "0 | 0.01/s | 0.02/s | 0.03/s | 0.04/s"},
		"no rate":                 {Rates(0), "0 | 0.2/s | 0.4/s | 0.6/s | 0.8/s | 1/s | 1.2/s"},
		"shares":                  {Shares(19), "0 | 5 % | 10 % | 15 % | 20 %"},
		"all":                     {Shares(100), "0 | 20 % | 40 % | 60 % | 80 % | 100 %"},
		"shares beyond all":       {Shares(130), "0 | 50 % | 100 % | 150 %"},
		"loads":                   {LoadRates(16_000), "0 | 5,000/s | 10,000/s | 15,000/s"},
		"millions":                {Numbers(7e6), "0 | 2M | 4M | 6M | 8M"},
		"billions":                {Numbers(7e9), "0 | 2G | 4G | 6G | 8G"},
	} {
		if got := labels(c.axis); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAnyAxisHoldsItsValuesAndHasFewTicks(t *testing.T) {
	for e := 0.0; e < 19; e += 0.13 {
		most := math.Pow(10, e)
		for _, spread := range []float64{1, 1.01, 3, 29, 31, 1e3, 1e6, 1e12} {
			a := Latencies(most/spread, most)
			if a.Max < most*(1-1e-9) || a.log() && a.Min > max(most/spread, 1) || len(a.ticks) > 14 || len(a.ticks) == 0 {
				t.Errorf("latencies %g to %g: %g to %g with %d ticks", most/spread, most, a.Min, a.Max, len(a.ticks))
			}
		}
		if a := Numbers(most); a.Max < most*(1-1e-9) || len(a.ticks) > 9 || len(a.ticks) < 3 {
			t.Errorf("numbers to %g: %d ticks to %g", most, len(a.ticks), a.Max)
		}
		if a := Elapsed(most / 1e3); a.Max < most/1e3 || len(a.ticks) > 10 {
			t.Errorf("%g s: %d ticks", most/1e3, len(a.ticks))
		}
	}
}

func TestANineIsAStepOnTheAxisOfPercentiles(t *testing.T) {
	a := Percentiles(1000)
	at := func(q float64) float64 { return a.scale.Normalize(a.Min, a.Max, Nines(q)) }
	for i, q := range []float64{0, 0.9, 0.99, 0.999} {
		if got := at(q) * 3; math.Abs(got-float64(i)) > 1e-6 {
			t.Errorf("%v lies at %v of 3 steps, want %d", q, got, i)
		}
	}
}

func small() *Chart {
	return &Chart{ID: "c", Title: "T <&> \"t\"", Description: "d", X: Elapsed(10), Y: Numbers(10), BarInk: Bad,
		Bars:  []Bar{{0, 1, 5}, {1, 2, 0}},
		Marks: []Mark{{Strong, 5}},
		Lines: []Line{{Ink: First, Points: []Point{{0, 1}, {5, 5}, {6, math.NaN()}, {7, 7}, {8, 80}}, Dots: true}, {Ink: Reference, Dashed: true, Points: []Point{{0, 9}, {10, 9}}}}}
}

func drawn(t *testing.T, c *Chart) string {
	t.Helper()
	svg, err := c.SVG()
	if err != nil {
		t.Fatal(err)
	}
	return string(svg)
}

func TestADrawingTakesItsColoursFromClasses(t *testing.T) {
	svg := drawn(t, small())
	for _, bad := range []string{"style=", "#0000", "font-family", "xlink", "<?xml", "<!--", "xmlns", "NaN"} {
		if strings.Contains(svg, bad) {
			t.Errorf("%q is in the drawing", bad)
		}
	}
	for _, want := range []string{`class="stroke-first"`, `class="fill-first"`, `class="fill-bad"`, `class="stroke-strong"`, `class="stroke-reference"`, `class="stroke-grid"`,
		"stroke-dasharray", `viewBox="0 0 720 250"`, "T &lt;&amp;&gt; &#34;t&#34;</title>", `class="ch-x fill-x"`, `class="ch-y fill-y"`} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in the drawing:\n%.600s", want, svg)
		}
	}
}

func TestALineBreaksWhereAPointCannotBeDrawn(t *testing.T) {
	c := small()
	var got []string
	for _, piece := range c.pieces(c.Lines[0].Points) {
		got = append(got, fmt.Sprint(piece))
	}
	// The last point lies above the axis and is drawn at its end, which is 12.
	if want := []string{"[{0 1} {5 5}]", "[{7 7} {8 12}]"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	c.Y = LogLatencies(1e3, 1e6)
	if got := c.pieces([]Point{{1, 0}, {2, -5}, {3, math.Inf(1)}}); got != nil {
		t.Errorf("%v on a logarithmic axis", got)
	}
}

func TestBarsOfNothingAreNotDrawn(t *testing.T) {
	if n := strings.Count(drawn(t, small()), `class="fill-bad"`); n != 1 {
		t.Errorf("%d bars, want 1", n)
	}
}

func TestLabelsStayInsideThePictureInAWiderFont(t *testing.T) {
	// DejaVu Sans, which many systems without Liberation or Arial show, is about an eighth wider.
	const wider = 1.15
	c := small()
	c.X, c.Y = Percentiles(1e9), Rates(1.2e6)
	text := regexp.MustCompile(`<text x="([\d.]+)"[^>]* class="(ch-[xy]) [^>]*>([^<]*)<`)
	found := text.FindAllStringSubmatch(drawn(t, c), -1)
	if len(found) != len(c.X.ticks)+len(c.Y.ticks) {
		t.Fatalf("%d labels, want %d", len(found), len(c.X.ticks)+len(c.Y.ticks))
	}
	for _, m := range found {
		var x float64
		if _, err := fmt.Sscan(m[1], &x); err != nil {
			t.Fatal(err)
		}
		face := sans()
		wide := wider * face.Width(m[3]).Points()
		from, to := x-wide/2, x+wide/2
		if m[2] == "ch-y" {
			from, to = x-wide, x
		}
		if from < 0 || to > width {
			t.Errorf("%q goes from %.1f to %.1f of %d", m[3], from, to, width)
		}
	}
}

func TestWhatTheLibraryMayDrawOneDayIsAnError(t *testing.T) {
	c := small()
	for drawing, want := range map[string]string{
		`<svg><image href="x"/></svg>`:                     `element "image"`,
		`<svg><script>x</script></svg>`:                    `element "script"`,
		`<svg><path d="M0" style="fill:#FF0000"/></svg>`:   `colour "#FF0000"`,
		`<svg><path d="M0" style="stroke:url(#x)"/></svg>`: `colour "url(#x)"`,
		`<svg><text x="a">b</text></svg>`:                  "invalid syntax",
		`<svg><g>`:                                         "unexpected EOF",
	} {
		_, err := c.restyle(strings.NewReader(drawing))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "chart c") {
			t.Errorf("%s: %v, want %q", drawing, err, want)
		}
	}
}

func TestInksHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for i := First; i < inks; i++ {
		back, ok := inkOf(hexOf(i))
		if name := i.Class(); name == "" || seen[name] || !ok || back != i {
			t.Errorf("ink %d: %q, back to %d", i, name, back)
		}
		seen[i.Class()] = true
	}
	if _, ok := inkOf("#FFFFFF"); ok || Ink(200).Class() != "" {
		t.Error("an ink that is none")
	}
}

func FuzzTitles(f *testing.F) {
	f.Add("plain", "text")
	f.Add("</svg><script>", "\"'&\x00\xff")
	f.Fuzz(func(t *testing.T, title, description string) {
		c := small()
		c.Title, c.Description = title, description
		svg := drawn(t, c)
		open, closed := strings.Count(svg, "<"), strings.Count(drawn(t, small()), "<")
		if open != closed {
			t.Errorf("%q, %q: %d angle brackets, want %d", title, description, open, closed)
		}
	})
}

func BenchmarkSVG(b *testing.B) {
	c := small()
	for i := range 360 {
		c.Lines[0].Points = append(c.Lines[0].Points, Point{float64(i) / 36, float64(i % 10)})
	}
	for b.Loop() {
		if _, err := c.SVG(); err != nil {
			b.Fatal(err)
		}
	}
}
