package report

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"weir/bench"
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

func TestEverythingCanBeSeenInLightInDarkAndOnPaper(t *testing.T) {
	b := openBrowser(t)
	b.width(1100)
	b.open(full(t))
	pages := map[string]string{}
	for _, c := range []struct{ name, media, scheme string }{{"light", "", "light"}, {"dark", "", "dark"}, {"paper", "print", "dark"}} {
		b.call("Emulation.setEmulatedMedia", map[string]any{"media": c.media, "features": []map[string]string{{"name": "prefers-color-scheme", "value": c.scheme}}}, nil)
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

func TestNoLabelTouchesAnotherAndNothingIsCutOff(t *testing.T) {
	long := withClasses()
	long.Target = "https://a-rather-long-name.of-a-service.example.internal:8443/v2/customers/1234567890/orders?" + strings.Repeat("key=value&", 20)
	long.FirstFailures["timeout"] = strings.Repeat("x", 400)
	long.Classes[0].Name = strings.Repeat("GET /a/very/long/template/", 6)
	fast := sample(600, func(second int, _ *bench.Second, record func(time.Duration)) {
		for i := range 20 {
			record(time.Duration(3+second%5+i) * time.Microsecond)
		}
	})
	for n := range fast.Series {
		fast.Series[n].Requests *= 61_357
	}
	b := openBrowser(t)
	for name, page := range map[string][]byte{
		"full": full(t), "long": rendered(t, long, nil), "frozen": rendered(t, frozen(), nil), "hours": rendered(t, hours(), nil),
		"single": rendered(t, single(), nil), "refused": rendered(t, refused(), nil), "nothing": rendered(t, nothing(), nil), "fast": rendered(t, fast, nil),
	} {
		for _, width := range []int{1400, 1000, 375} {
			b.width(width)
			b.scheme("light")
			b.open(page)
			var found []string
			b.evaluate(crowded, &found)
			for _, f := range found {
				t.Errorf("%s at %d: %s", name, width, f)
			}
		}
		keep(t, name+"-phone.png", b.picture)
	}
}

func TestOnPaperThePageIsWholeAndWithoutWhatCannotBeOpened(t *testing.T) {
	b := openBrowser(t)
	b.open(full(t))
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	var state struct{ Details, Figures, Breakable int }
	b.evaluate(`({Details: [...document.querySelectorAll("details")].filter(e => e.checkVisibility()).length,
		Figures: [...document.querySelectorAll("figure svg")].filter(e => e.checkVisibility()).length,
		Breakable: [...document.querySelectorAll("figure, .tables > section, .notice")].filter(e => getComputedStyle(e).breakInside != "avoid").length})`, &state)
	if state.Details != 0 || state.Figures != 7 || state.Breakable != 0 {
		t.Errorf("%+v; want no details, seven pictures, nothing that breaks", state)
	}
}

func TestALiveScriptWouldBeStopped(t *testing.T) {
	// Should an escape be forgotten one day, the policy still holds.
	page := strings.Replace(string(rendered(t, single(), nil)), "<main>", `<main><script>document.title = "taken"</script><p style="color: red">x</p><img src="http://127.0.0.1:9/x">`, 1)
	b := openBrowser(t)
	b.open([]byte(page))
	var title, colour string
	b.evaluate(`document.title`, &title)
	b.evaluate(`getComputedStyle(document.querySelector("main > p")).color`, &colour)
	if title == "taken" || colour == "rgb(255, 0, 0)" || len(b.complaints) < 3 {
		t.Errorf("title %q, colour %s, %d complaints", title, colour, len(b.complaints))
	}
}
