package report

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// full is a page with all that there can be.
func full(t *testing.T) []byte {
	t.Helper()
	r := withClasses()
	r.CutShort = true
	return rendered(t, r, &Extras{Capacity: search(), Recorded: &Recorded{Name: "in the log", Histogram: single().Histogram},
		Goals: []Goal{{Text: "p99 < 20 ms: met, 11.3 ms", Met: true}, {Text: "errors < 0.01 %: missed, 0.074 %", Missed: true}}})
}

// luminance is that of a colour as the browser writes it, "rgb(1, 2, 3)" (WCAG 2.2, relative luminance).
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var c [3]float64
	if _, err := fmt.Sscanf(colour, "rgb(%g, %g, %g)", &c[0], &c[1], &c[2]); err != nil {
		t.Fatalf("colour %q: %v", colour, err)
	}
	for i := range c {
		if c[i] /= 255; c[i] <= 0.04045 {
			c[i] /= 12.92
		} else {
			c[i] = math.Pow((c[i]+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2]
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrastIsMeasuredAsTheStandardSays(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"rgb(0, 0, 0)", "rgb(255, 255, 255)", 21}, {"rgb(255, 255, 255)", "rgb(255, 255, 255)", 1}, {"rgb(118, 118, 118)", "rgb(255, 255, 255)", 4.54},
	} {
		if got := contrast(t, c.a, c.b); math.Abs(got-c.want) > 0.01 {
			t.Errorf("%s on %s: %.2f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}

// seen asks the page for each coloured thing: what it is, its colour and what lies behind it.
const seen = `(() => {
	const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!c.endsWith(", 0)")) return c } return "rgb(255, 255, 255)" };
	const out = [];
	for (const e of document.querySelectorAll("h1, h2, p, li, dt, dd, td, th, figcaption, summary, footer"))
		if (e.textContent.trim() && e.checkVisibility()) out.push({What: e.tagName + " " + e.textContent.trim().slice(0, 30), Colour: getComputedStyle(e).color, Behind: behind(e), Text: true});
	for (const e of document.querySelectorAll("svg.ch text"))
		out.push({What: "label " + e.textContent, Colour: getComputedStyle(e).fill, Behind: behind(e.closest("figure")), Text: true});
	for (const e of document.querySelectorAll('svg.ch path[class*="stroke-"], svg.ch path[class*="fill-"]')) {
		const s = getComputedStyle(e), c = e.getAttribute("class");
		if (!c.includes("grid")) out.push({What: c, Colour: s.stroke != "none" ? s.stroke : s.fill, Behind: behind(e.closest("figure")), Text: false});
	}
	return out })()`

// colours judges the contrast of all that the page shows: in light, in dark, and on paper in spite of dark.
func colours(t *testing.T, b *browser) {
	pages := map[string]string{}
	for _, c := range []struct{ name, media, scheme string }{{"light", "", "light"}, {"dark", "", "dark"}, {"paper", "print", "dark"}} {
		b.media(c.media, c.scheme)
		var things []struct {
			What, Colour, Behind string
			Text                 bool
		}
		b.evaluate(seen, &things)
		if len(things) < 300 {
			t.Fatalf("%s: only %d things on the page", c.name, len(things))
		}
		told := map[string]bool{}
		for _, s := range things {
			// WCAG 2.2 AA: 4.5 for text, 3 for what pictures are made of; an axis may stand back.
			want := 3.0
			if s.Text {
				want = 4.5
			} else if strings.Contains(s.What, "axis") {
				want = 2
			}
			if got := contrast(t, s.Colour, s.Behind); got < want && !told[s.Colour] {
				told[s.Colour] = true
				t.Errorf("%s: %s: %s on %s has a contrast of %.1f, want %.1f", c.name, s.What, s.Colour, s.Behind, got, want)
			}
		}
		var page string
		b.evaluate(`getComputedStyle(document.body).backgroundColor`, &page)
		pages[c.name] = page
	}
	if luminance(t, pages["light"]) < 0.8 || luminance(t, pages["dark"]) > 0.05 || pages["paper"] != "rgb(255, 255, 255)" {
		t.Errorf("the pages are %v", pages)
	}
}

// crowded asks for labels of a picture that touch each other or leave it, and for what is wider than the window.
const crowded = `(() => {
	const out = [];
	for (const svg of document.querySelectorAll("svg.ch")) {
		const box = svg.getBoundingClientRect(), labels = [...svg.querySelectorAll("text")].map(e => [e.textContent, e.getBoundingClientRect()]);
		labels.forEach(([text, a], i) => {
			if (a.left < box.left - 1 || a.right > box.right + 1 || a.top < box.top - 1 || a.bottom > box.bottom + 1) out.push(svg.textContent.slice(0, 20) + ": " + text + " is cut off");
			for (const [other, b] of labels.slice(i + 1))
				if (a.left < b.right && b.left < a.right && a.top < b.bottom - 4 && b.top < a.bottom - 4) out.push(svg.textContent.slice(0, 20) + ": " + text + " touches " + other);
		});
	}
	const wide = document.documentElement.clientWidth + 1;
	if (document.documentElement.scrollWidth > wide) out.push("the page is " + document.documentElement.scrollWidth + " wide");
	for (const e of document.querySelectorAll("main, header, figure, section, dl > div"))
		if (e.getBoundingClientRect().right > wide) out.push(e.tagName + " leaves the window");
	return out })()`

// room looks for labels that touch and for what is cut off, on a desk and on a telephone.
func room(t *testing.T, b *browser) {
	b.media("", "light")
	for _, width := range []int{1400, 1000, 375} {
		b.width(width)
		var found []string
		b.evaluate(crowded, &found)
		for _, f := range found {
			t.Errorf("%d wide: %s", width, f)
		}
	}
}

// paper looks at the page as it is printed: whole, without what can't be opened there, and not torn.
func paper(t *testing.T, b *browser, pictures int) {
	b.media("print", "light")
	var state struct{ Details, Figures, Breakable int }
	b.evaluate(`({Details: [...document.querySelectorAll("details")].filter(e => e.checkVisibility()).length,
		Figures: [...document.querySelectorAll("figure svg")].filter(e => e.checkVisibility()).length,
		Breakable: [...document.querySelectorAll("figure, .tables > section, .notice")].filter(e => getComputedStyle(e).breakInside != "avoid").length})`, &state)
	if state.Details != 0 || state.Figures != pictures || state.Breakable != 0 {
		t.Errorf("%+v; want no details, %d pictures, nothing that breaks", state, pictures)
	}
}
