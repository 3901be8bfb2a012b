package report

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

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

func TestPagesOpenInABrowser(t *testing.T) {
	b := openBrowser(t)
	recorded := &Recorded{Name: "in the log", Histogram: single().Histogram}
	for _, c := range []struct {
		name     string
		report   *bench.Report
		extras   *Extras
		pictures int
	}{
		{"minute", twoHumps(), nil, 6},
		{"classes", withClasses(), &Extras{Capacity: search(), Recorded: recorded}, 7},
		{"invalid", late(), nil, 3},
		{"frozen", frozen(), nil, 5},
		{"hours", hours(), nil, 6},
		{"nothing", nothing(), nil, 0},
		{"refused", refused(), nil, 3},
		{"single", single(), nil, 4},
	} {
		page := rendered(t, c.report, c.extras)
		keep(t, c.name+".html", func() []byte { return page })
		for _, scheme := range []string{"light", "dark"} {
			b.width(1100)
			b.scheme(scheme)
			address := b.open(page)
			if len(b.requests) != 1 || b.requests[0] != address {
				t.Errorf("%s: the page asks for %q", c.name, b.requests)
			}
			if len(b.complaints) > 0 {
				t.Errorf("%s: complaints: %s", c.name, b.complaints)
			}
			keep(t, c.name+"-"+scheme+".png", b.picture)
		}
		pdf := b.paper()
		if pages := bytes.Count(pdf, []byte("/Type /Page\n")); !bytes.HasPrefix(pdf, []byte("%PDF-")) || pages < 1 {
			t.Errorf("%s: %d printed pages in %d bytes", c.name, pages, len(pdf))
		}
		keep(t, c.name+".pdf", func() []byte { return pdf })
		var sizes []struct{ Width, Height, Paths int }
		b.evaluate(`[...document.querySelectorAll("svg.ch")].map(s => { const r = s.getBoundingClientRect();
			return {Width: Math.round(r.width), Height: Math.round(r.height), Paths: s.querySelectorAll("path").length} })`, &sizes)
		if len(sizes) != c.pictures {
			t.Errorf("%s: %d pictures, want %d", c.name, len(sizes), c.pictures)
		}
		for _, s := range sizes {
			if s.Width < 600 || s.Height < 140 || s.Paths < 8 {
				t.Errorf("%s: a picture of %+v", c.name, s)
			}
		}
	}
}
