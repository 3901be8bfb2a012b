package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/bench"
)

// keep writes what make returns to the folder that WEIR_PICTURES names, if it names one, for a person to look at.
func keep(t *testing.T, name string, make func() []byte) {
	t.Helper()
	if to := os.Getenv("WEIR_PICTURES"); to != "" {
		if err := os.WriteFile(filepath.Join(to, name), make(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// wordy is a run of which everything has a long name.
func wordy() *bench.Report {
	r := withClasses()
	r.Target = "https://a-rather-long-name.of-a-service.example.internal:8443/v2/customers/1234567890/orders?" + strings.Repeat("key=value&", 20)
	r.FirstFailures["timeout"] = strings.Repeat("x", 400)
	r.Classes[0].Name = strings.Repeat("GET /a/very/long/template/", 6)
	return r
}

// fast is a run at a rate of more than a million a second.
func fast() *bench.Report {
	r := sample(600, func(second int, _ *bench.Second, record func(time.Duration)) {
		for i := range 20 {
			record(time.Duration(3+second%5+i) * time.Microsecond)
		}
	})
	for n := range r.Series {
		r.Series[n].Requests *= 61_357
	}
	return r
}

// TestPagesAreReadInABrowser opens each page once, in one browser, and looks at it in every way.
func TestPagesAreReadInABrowser(t *testing.T) {
	b := openBrowser(t)
	for _, c := range []struct {
		name     string
		page     func(t *testing.T) []byte
		pictures int
		more     func(t *testing.T, b *browser)
	}{
		{"full", full, 7, func(t *testing.T, b *browser) { colours(t, b); printed(t, b, "full") }},
		{"invalid", of(late), 3, nil},
		{"frozen", of(frozen), 5, nil},
		{"hours", of(hours), 6, nil},
		{"nothing", of(nothing), 0, func(t *testing.T, b *browser) { printed(t, b, "nothing") }},
		{"refused", of(refused), 3, nil},
		{"single", of(single), 4, nil},
		{"one request", of(alone), 4, nil},
		{"decades", of(decades), 5, nil},
		{"wordy", of(wordy), 6, nil},
		{"fast", of(fast), 5, nil},
	} {
		if testing.Short() && c.name != "full" {
			continue // the race detector has nothing to find in a page
		}
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			b.width(1100)
			b.media("", "light")
			page := c.page(t)
			opens(t, b, page, c.pictures)
			room(t, b)
			paper(t, b, c.pictures)
			if c.more != nil {
				c.more(t, b)
			}
			looked(t, b, c.name, page)
		})
	}
	if testing.Short() {
		return
	}
	t.Run("a script", func(t *testing.T) {
		b.t = t
		b.media("", "light")
		scriptIsStopped(t, b)
	})
}

// of is the page of a report.
func of(run func() *bench.Report) func(*testing.T) []byte {
	return func(t *testing.T) []byte { t.Helper(); return rendered(t, run(), nil) }
}

// opens shows the page, which asks for nothing, complains of nothing and has its pictures.
func opens(t *testing.T, b *browser, page []byte, pictures int) {
	address := b.open(page)
	if len(b.requests) != 1 || b.requests[0] != address {
		t.Errorf("the page asks for %q", b.requests)
	}
	if len(b.complaints) > 0 {
		t.Errorf("complaints: %s", b.complaints)
	}
	var sizes []struct{ Width, Height, Paths int }
	b.evaluate(`[...document.querySelectorAll("svg.ch")].map(s => { const r = s.getBoundingClientRect();
		return {Width: Math.round(r.width), Height: Math.round(r.height), Paths: s.querySelectorAll("path").length} })`, &sizes)
	if len(sizes) != pictures {
		t.Errorf("%d pictures, want %d", len(sizes), pictures)
	}
	for _, s := range sizes {
		if s.Width < 600 || s.Height < 140 || s.Paths < 8 {
			t.Errorf("a picture of %+v", s)
		}
	}
}

// printed makes a PDF of the page.
func printed(t *testing.T, b *browser, name string) {
	pdf := b.paper()
	if pages := bytes.Count(pdf, []byte("/Type /Page\n")); !bytes.HasPrefix(pdf, []byte("%PDF-")) || pages < 1 {
		t.Errorf("%d printed pages in %d bytes", pages, len(pdf))
	}
	keep(t, name+".pdf", func() []byte { return pdf })
}

// looked keeps the page as a person would see it.
func looked(t *testing.T, b *browser, name string, page []byte) {
	keep(t, name+".html", func() []byte { return page })
	for _, c := range []struct {
		name, scheme string
		width        int
	}{{"light", "light", 1100}, {"dark", "dark", 1100}, {"phone", "light", 375}} {
		keep(t, name+"-"+c.name+".png", func() []byte {
			b.width(c.width)
			b.media("", c.scheme)
			return b.picture()
		})
	}
}

// scriptIsStopped shows that, should an escape be forgotten one day, the page's policy still holds.
func scriptIsStopped(t *testing.T, b *browser) {
	page := strings.Replace(string(rendered(t, single(), nil)), "<main>", `<main><script>document.title = "taken"</script><p style="color: red">x</p><img src="http://127.0.0.1:9/x">`, 1)
	b.open([]byte(page))
	var title, colour string
	b.evaluate(`document.title`, &title)
	b.evaluate(`getComputedStyle(document.querySelector("main > p")).color`, &colour)
	if title == "taken" || colour == "rgb(255, 0, 0)" || len(b.complaints) < 3 {
		t.Errorf("title %q, colour %s, %d complaints", title, colour, len(b.complaints))
	}
}
