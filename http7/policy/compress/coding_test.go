package compress

import (
	"strings"
	"testing"

	"weir/http7"
)

var every = []coding{zstdCoding, brCoding, gzipCoding}

// FuzzAcceptEncoding compares the choice with a plain reading of the field, and asks that the hot
// reader never chooses what the client refuses.
func FuzzAcceptEncoding(f *testing.F) {
	for _, s := range []string{"gzip, deflate, br, zstd", "*;q=0.5, gzip;q=0", "identity;q=1, br;q=0.9", "x-gzip;q=0.001", "", ",;,", `a;b=",gzip"`, "GZIP;Q=1.000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if !http7.IsFieldValue([]byte(value)) {
			return
		}
		var h http7.Header
		h.AddRaw([]byte("Accept-Encoding"), []byte(value))
		var w weights
		if !w.read(&h) {
			t.Fatal("the field is not seen")
		}
		got := "none"
		if c, ok := w.choose(every); ok {
			got = codingNames[c]
		}
		if want := plainly(value); got != want {
			t.Fatalf("%q: got %s, want %s", value, got, want)
		}
	})
}

// plainly chooses as RFC 9110 §12.5.3 reads, with a map.
func plainly(value string) string {
	likes := map[string]int{}
	for p := http7.PreferencesOf([]byte(value)); ; {
		element, weight, ok := p.Next()
		if !ok {
			break
		}
		name := strings.ToLower(string(element))
		if name == "x-gzip" {
			name = "gzip"
		}
		if _, twice := likes[name]; !twice {
			likes[name] = weight
		}
	}
	best, most := "none", 0
	for _, name := range []string{"zstd", "br", "gzip"} {
		weight, named := likes[name]
		if !named {
			weight = likes["*"]
		}
		if weight > most {
			best, most = name, weight
		}
	}
	if likes["identity"] > most {
		return "none"
	}
	return best
}

func TestReadingAcceptEncodingAllocatesNothing(t *testing.T) {
	var h http7.Header
	h.AddRaw([]byte("Accept-Encoding"), []byte("gzip, deflate, br;q=0.9, zstd;q=0.1"))
	if n := testing.AllocsPerRun(1000, func() {
		var w weights
		if c, ok := w.choose(every); ok || c != 0 {
			t.Fatal("chosen before it was read")
		}
		w.read(&h)
		if c, ok := w.choose(every); !ok || c != gzipCoding {
			t.Fatal("chose", c, ok)
		}
	}); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}
