package chart

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
)

// line is a chart of one line on axes.
func line(x, y Axis, points ...Point) *Chart {
	return &Chart{ID: "c", X: x, Y: y, Lines: []Line{{Ink: First, Points: points}}}
}

func TestNoLabelsCollideOnAnyAxis(t *testing.T) {
	// The widest of the fonts that a page may fall back to is an eighth wider than the one that is measured.
	const wider = 1.15
	r := chance()
	for range 150 {
		most := anywhere(r, 0, 13) // three hours
		least := most / anywhere(r, 0, 14)
		across := []Axis{Percentiles(int64(anywhere(r, 0, 10))), Elapsed(anywhere(r, -2, 8)), LoadRates(anywhere(r, -1, 7)), LogLatencies(max(least, most/1e12), most)}
		c := line(across[r.IntN(len(across))], drawnAxes(least, most)[[]string{"latencies", "log", "numbers", "rates", "shares"}[r.IntN(5)]], Point{1, 1})
		c.Height = []float64{180, 250, 300}[r.IntN(3)]
		var before label
		for _, l := range parsed(t, c).labels {
			face := sans()
			half := wider * face.Width(l.text).Points() / 2
			if before.class == l.class && strings.HasPrefix(l.class, "ch-x") {
				if room := l.x - half - (before.x + wider*face.Width(before.text).Points()/2); room < 1 {
					t.Errorf("%q touches %q by %.1f", l.text, before.text, -room)
				}
			}
			if before.class == l.class && strings.HasPrefix(l.class, "ch-y") {
				if room := before.y - l.y; room < 10.5 {
					t.Errorf("%q stands %.1f above %q, height %v", l.text, room, before.text, c.Height)
				}
			}
			if left := l.x - 2*half; strings.HasPrefix(l.class, "ch-y") && left < 0 || l.y < 8 || l.y > c.Height {
				t.Errorf("%q is cut off: from %.1f at %.1f of %.0f", l.text, left, l.y, c.Height)
			}
			before = l
		}
	}
}

func TestEveryTickHasItsLabelAndItsLineInTheGrid(t *testing.T) {
	for name, y := range drawnAxes(1e5, 3e9) {
		d := parsed(t, line(Elapsed(60), y, Point{1, 1}))
		var across, up []string
		for _, l := range d.labels {
			if strings.HasPrefix(l.class, "ch-x") {
				across = append(across, l.text)
			} else {
				up = append(up, l.text)
			}
		}
		if got, want := strings.Join(up, " | "), labels(y); got != want {
			t.Errorf("%s: labels %q, want %q", name, got, want)
		}
		if got, want := len(d.in("stroke-grid")), len(across)+len(up); got != want {
			t.Errorf("%s: %d lines in the grid, want %d", name, got, want)
		}
	}
}

func TestWhatIsMoreIsDrawnHigherAndWhatIsLaterToTheRight(t *testing.T) {
	r := chance()
	for range 60 {
		var points []Point
		at := Point{0, anywhere(r, 0, 3)}
		for range 50 {
			at = Point{at.X + 0.01 + r.Float64(), at.Y * (1.02 + r.Float64())}
			points = append(points, at)
		}
		c := line(Elapsed(at.X), Latencies(points[0].Y, at.Y), points...)
		got := parsed(t, c).in("stroke-first")
		if len(got) != 1 || len(got[0].points) != len(points) {
			t.Fatalf("%d pieces, want one of %d points", len(got), len(points))
		}
		for i := 1; i < len(points); i++ {
			if a, b := got[0].points[i-1], got[0].points[i]; b.X <= a.X-0.01 || b.Y < a.Y-0.01 {
				t.Errorf("%v is drawn at %v and %v at %v", points[i-1], a, points[i], b)
			}
		}
	}
}

func TestAValueIsDrawnWhereItsTickIs(t *testing.T) {
	for name, y := range map[string]Axis{"linear": Latencies(1e6, 2.4e6), "logarithmic": Latencies(1e6, 45e6), "numbers": Numbers(1000)} {
		var points []Point
		for i, tick := range y.ticks {
			points = append(points, Point{float64(i), tick.Value})
		}
		d := parsed(t, line(Numbers(20), y, points...))
		rungs := d.in("stroke-grid")[len(Numbers(20).ticks):] // those across come behind those that stand
		for i, at := range d.in("stroke-first")[0].points {
			if want := rungs[i].points[0].Y; math.Abs(at.Y-want) > 0.02 {
				t.Errorf("%s: the value of %s lies at %.2f, its tick at %.2f", name, y.ticks[i].Label, at.Y, want)
			}
		}
	}
}

func TestNothingIsDrawnOutsideOfTheAxes(t *testing.T) {
	r := chance()
	for range 60 {
		wild := func() float64 {
			switch r.IntN(8) {
			case 0:
				return math.NaN()
			case 1:
				return math.Inf(1 - 2*r.IntN(2))
			case 2:
				return -anywhere(r, 0, 300)
			}
			return anywhere(r, -300, 300)
		}
		c := line(Elapsed(60), []Axis{Numbers(100), LogLatencies(1e3, 1e9)}[r.IntN(2)])
		c.BarInk = Bad
		for range 40 {
			c.Lines[0].Points = append(c.Lines[0].Points, Point{wild(), wild()})
			c.Bars = append(c.Bars, Bar{wild(), wild(), wild()})
			c.Marks = append(c.Marks, Mark{Strong, wild()})
		}
		d := parsed(t, c)
		left, right, bottom, top := d.frame()
		for _, p := range d.paths {
			if strings.HasSuffix(p.class, "axis") || p.class == "fill-first" {
				continue // ticks stand outside, dots have a size
			}
			for _, at := range p.points {
				if at.X < left-0.1 || at.X > right+0.1 || at.Y < bottom-0.1 || at.Y > top+0.1 {
					t.Fatalf("%s is drawn at %v, outside of %v to %v and %v to %v", p.class, at, left, right, bottom, top)
				}
			}
		}
	}
}

func TestALineOfAnyLengthIsDrawn(t *testing.T) {
	gap := Point{5, math.NaN()}
	for _, c := range []struct {
		name         string
		points       []Point
		pieces, dots int
	}{
		{"of nothing", nil, 0, 0},
		{"of gaps", []Point{gap, gap}, 0, 0},
		{"of one point", []Point{{5, 5}}, 0, 1},
		{"of one point between gaps", []Point{gap, {5, 5}, gap}, 0, 1},
		{"of two", []Point{{1, 1}, {2, 2}}, 1, 0},
		{"of equal values", []Point{{1, 7}, {2, 7}, {3, 7}}, 1, 0},
		{"of zeros", []Point{{1, 0}, {2, 0}}, 1, 0},
		{"in two pieces", []Point{{1, 1}, {2, 2}, gap, {6, 1}, {7, 2}}, 2, 0},
		{"that ends in a single point", []Point{{1, 1}, {2, 2}, gap, {7, 2}}, 1, 1},
		{"that stands still", []Point{{5, 5}, {5, 5}}, 1, 0},
	} {
		d := parsed(t, line(Numbers(10), Numbers(10), c.points...))
		if pieces, dots := len(d.in("stroke-first")), len(d.in("fill-first")); pieces != c.pieces || dots != c.dots {
			t.Errorf("a line %s: %d pieces and %d dots, want %d and %d", c.name, pieces, dots, c.pieces, c.dots)
		}
	}
}

func TestABarIsAsWideAndAsHighAsItsValues(t *testing.T) {
	c := &Chart{ID: "c", X: Numbers(10), Y: Numbers(100), BarInk: Fourth, Bars: []Bar{{0, 2, 20}, {2, 3, 40}, {3, 4, 0}, {4, 5, -1}, {6, 9, 1e9}}}
	d := parsed(t, c)
	left, right, bottom, top := d.frame()
	perX, perY := (right-left)/c.X.Max, (top-bottom)/c.Y.Max
	bars := d.in("fill-fourth")
	if len(bars) != 3 {
		t.Fatalf("%d bars, want those above nothing: 3", len(bars))
	}
	for i, want := range []Bar{{0, 2, 20}, {2, 3, 40}, {6, 9, c.Y.Max}} {
		low, high := bars[i].points[0], bars[i].points[0]
		for _, at := range bars[i].points {
			low, high = Point{min(low.X, at.X), min(low.Y, at.Y)}, Point{max(high.X, at.X), max(high.Y, at.Y)}
		}
		got := Bar{(low.X - left) / perX, (high.X - left) / perX, (high.Y - low.Y) / perY}
		if math.Abs(got.From-want.From) > 0.01 || math.Abs(got.To-want.To) > 0.01 || math.Abs(got.Height-want.Height) > 0.2 {
			t.Errorf("bar %d is %+v, want %+v", i, got, want)
		}
	}
}

func TestAMarkStandsUprightAtItsValue(t *testing.T) {
	c := line(Numbers(10), Numbers(10), Point{1, 1})
	c.Marks = []Mark{{Strong, 6}, {Second, math.NaN()}, {Third, 99}}
	d := parsed(t, c)
	left, right, bottom, top := d.frame()
	for class, at := range map[string]float64{"stroke-strong": left + (right-left)*6/c.X.Max, "stroke-third": right} {
		got := d.in(class)
		if len(got) != 1 || got[0].dashes == "" || math.Abs(got[0].points[0].X-at) > 0.02 || math.Abs(got[0].points[1].X-at) > 0.02 ||
			math.Abs(got[0].points[1].Y-got[0].points[0].Y-(top-bottom)) > 0.1 {
			t.Errorf("%s: %+v, want it dashed and upright at %.2f", class, got, at)
		}
	}
	if got := d.in("stroke-second"); len(got) > 0 {
		t.Errorf("a mark at no value: %+v", got)
	}
}

func TestTheFirstLineLiesOnTop(t *testing.T) {
	c := line(Numbers(10), Numbers(10), Point{1, 1}, Point{9, 9})
	c.BarInk, c.Bars, c.Marks = Bad, []Bar{{1, 2, 3}}, []Mark{{Strong, 5}}
	c.Lines = append(c.Lines, Line{Ink: Second, Points: c.Lines[0].Points}, Line{Ink: Third, Points: c.Lines[0].Points})
	var order []string
	for _, p := range parsed(t, c).paths {
		if n := len(order); n == 0 || order[n-1] != p.class {
			order = append(order, p.class)
		}
	}
	want := "stroke-grid fill-bad stroke-bad stroke-strong stroke-third stroke-second stroke-first"
	if got := strings.Join(order, " "); !strings.Contains(got, want) {
		t.Errorf("drawn in the order %s, want %s", got, want)
	}
}

func TestEachInkDrawsInItsOwnClass(t *testing.T) {
	for _, ink := range Inks() {
		c := line(Numbers(10), Numbers(10), Point{1, 1}, Point{2, 2})
		c.Lines[0].Ink, c.Lines[0].Dots = ink, true
		d := parsed(t, c)
		if len(d.in("stroke-"+ink.Class())) != 1 || len(d.in("fill-"+ink.Class())) != 2 {
			t.Errorf("%s: %d lines, %d dots; want 1 and 2", ink.Class(), len(d.in("stroke-"+ink.Class())), len(d.in("fill-"+ink.Class())))
		}
	}
}

func TestColoursComeFromClassesAlone(t *testing.T) {
	d := parsed(t, small())
	allowed := map[string]bool{}
	for _, name := range []string{"svg class", "svg role", "svg aria-labelledby", "svg viewBox", "title id", "desc id", "g transform", "path d", "path class", "path fill", "path stroke",
		"path stroke-width", "path stroke-dasharray", "path stroke-dashoffset", "text x", "text y", "text dy", "text transform", "text class"} {
		allowed[name] = true
	}
	for name := range d.attributes {
		if !allowed[name] {
			t.Errorf("the drawing has %s", name)
		}
	}
	for _, p := range d.paths {
		if p.class == "" || p.fill != "" && p.fill != "none" {
			t.Errorf("a path in class %q, filled with %q", p.class, p.fill)
		}
	}
	for _, l := range d.labels {
		if l.class != "ch-x fill-x" && l.class != "ch-y fill-y" {
			t.Errorf("%q is in class %q", l.text, l.class)
		}
	}
}

func TestAnyTitleIsReadBackAsItWas(t *testing.T) {
	plain := parsed(t, small()).elements
	for text, want := range map[string]string{
		`plain`: `plain`, `a < b & c > d`: `a < b & c > d`, `"'`: `"'`, `</title><script>alert(1)</script>`: `</title><script>alert(1)</script>`,
		`]]>`: `]]>`, `&lt;`: `&lt;`, "two\nlines\tand a tab": "two\nlines\tand a tab", "\x00\x1b[2J": "\ufffd\ufffd[2J", "\xff\xfe": "\ufffd\ufffd",
		"\u202egnp.exe": "\u202egnp.exe", `<!--`: `<!--`, `<![CDATA[x]]>`: `<![CDATA[x]]>`, `%s %[1]s`: `%s %[1]s`, strings.Repeat("x", 10_000): strings.Repeat("x", 10_000),
	} {
		c := small()
		c.Title, c.Description = text, text
		d := parsed(t, c)
		if d.title != want || d.description != want || fmt.Sprint(d.elements) != fmt.Sprint(plain) {
			t.Errorf("%.40q: read as %.40q and %.40q, with %v", text, d.title, d.description, d.elements)
		}
	}
}

func TestDrawingIsTheSameEachTimeAndFromManySides(t *testing.T) {
	want := drawn(t, small())
	var drawing sync.WaitGroup
	for range 8 {
		drawing.Go(func() {
			if got, err := small().SVG(); err != nil || string(got) != want {
				t.Errorf("another picture: %v", err)
			}
		})
	}
	drawing.Wait()
}

func TestTheHeightIsTheChartsOwn(t *testing.T) {
	for height, want := range map[float64]string{0: `viewBox="0 0 720 250"`, 180: `viewBox="0 0 720 180"`, 300: `viewBox="0 0 720 300"`} {
		c := small()
		c.Height = height
		if svg := drawn(t, c); !strings.Contains(svg, want) {
			t.Errorf("height %v: no %s in %.200s", height, want, svg)
		}
	}
}

func TestALongLineStaysSmall(t *testing.T) {
	c := line(Elapsed(3600), Latencies(1e3, 1e9))
	for i := range 360 {
		c.Lines[0].Points = append(c.Lines[0].Points, Point{float64(i) * 10, 1e3 * float64(1+i*i)})
	}
	if n := len(drawn(t, c)); n > 20_000 {
		t.Errorf("%d bytes for 360 points: a page of ten pictures would be slow to open", n)
	}
}
