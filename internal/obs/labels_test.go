package obs

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestSeriesAreNamed(t *testing.T) {
	for want, got := range map[string]string{
		`a`:                            series("a"),
		`a{b="c"}`:                     series("a", "b", "c"),
		`a{b="c",d=""}`:                series("a", "b", "c", "d", ""),
		`a_sum`:                        withLabel("a", "_sum", ""),
		`a_bucket{le="1"}`:             withLabel("a", "_bucket", `le="1"`),
		`a_sum{b="{}"}`:                withLabel(`a{b="{}"}`, "_sum", ""),
		`a_bucket{b="}",le="1"}`:       withLabel(`a{b="}"}`, "_bucket", `le="1"`),
		`a_bucket{b="{",c="}",le="1"}`: withLabel(`a{b="{",c="}"}`, "_bucket", `le="1"`),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// readSeries is a slow reader of the text format's series, written from its description
// (Prometheus, exposition formats): it returns the family and the labels as name, value, …
func readSeries(t *testing.T, s string) (family string, labels []string) {
	t.Helper()
	family, rest, found := strings.Cut(s, "{")
	if !found {
		return family, nil
	}
	for rest != "}" {
		name, value, ok := strings.Cut(rest, `="`)
		if !ok {
			t.Fatalf("no value at %q of %q", rest, s)
		}
		var b strings.Builder
		i := 0
		for ; i < len(value) && value[i] != '"'; i++ {
			switch {
			case value[i] == '\n':
				t.Fatalf("a line break in %q", s)
			case value[i] != '\\':
				b.WriteByte(value[i])
				continue
			}
			i++
			switch value[i] {
			case 'n':
				b.WriteByte('\n')
			case '\\', '"':
				b.WriteByte(value[i])
			default:
				t.Fatalf("unknown escape in %q", s)
			}
		}
		labels = append(labels, strings.TrimPrefix(name, ","), b.String())
		rest = value[i+1:]
	}
	return family, labels
}

// FuzzSeries names series with arbitrary values and demands that a reader gets them back, and that
// the library takes the name.
func FuzzSeries(f *testing.F) {
	f.Add("plain", "a\"b\\")
	f.Add("\n\\n", "\xff{}")
	f.Add(`\"`, `",le="1`)
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, "\uFFFD"), strings.ToValidUTF8(b, "\uFFFD")
		name := series("weir_x", "first", a, "second", b)
		family, labels := readSeries(t, name)
		if want := []string{"first", a, "second", b}; family != "weir_x" || !slices.Equal(labels, want) {
			t.Errorf("%s is read as %s %q, want %q", name, family, labels, want)
		}
		if _, labels := readSeries(t, withLabel(name, "_bucket", `le="+Inf"`)); !slices.Equal(labels, []string{"first", a, "second", b, "le", "+Inf"}) {
			t.Errorf("with le: %q", labels)
		}
		c := NewCatalogue(Build{})
		u := c.Upstream(a)
		u.Attempt(b, 1) // panics if the library refuses the name
		u.Retire()
	})
}

// The export is read by people too, when a dashboard shows what nobody expected.
func TestAScrapeLooksLikeThis(t *testing.T) {
	const golden = "testdata/scrape.golden"
	got := scrape(full())
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the scrape differs from %s; -update rewrites it. Got:\n%s", golden, got)
	}
}
