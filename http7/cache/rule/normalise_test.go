package rule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/http7"
)

// spelling writes a list of preferences in one of many ways that mean the same.
func spelling(random *rand.Rand, codings []string, weights []int) string {
	order := random.Perm(len(codings))
	var b strings.Builder
	for i, at := range order {
		if i > 0 {
			b.WriteString([]string{",", ", ", " ,\t", ",,"}[random.IntN(4)])
		}
		name := codings[at]
		if random.IntN(2) == 0 {
			name = strings.ToUpper(name)
		}
		b.WriteString(name)
		switch w := weights[at]; {
		case w == 1000 && random.IntN(2) == 0:
		case w == 1000:
			b.WriteString([]string{";q=1", "; Q=1.0", " ;q=1.000"}[random.IntN(3)])
		case w%100 == 0 && random.IntN(2) == 0:
			fmt.Fprintf(&b, ";q=0.%d", w/100)
		default:
			fmt.Fprintf(&b, " ; q=0.%03d", w)
		}
	}
	return b.String()
}

// Whatever the spelling and order of an Accept-Encoding, it is one key; another weight is another key.
func TestSpellingsOfOneAcceptEncodingAreOneKey(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	all := []string{"gzip", "br", "zstd", "deflate", "identity", "*", "compress"}
	vary, _ := ParseVary(nil, fields("Vary: Accept-Encoding"))
	key := func(value string) string {
		h := &http7.Header{}
		h.AddRaw([]byte("Accept-Encoding"), []byte(value))
		k, ok := AppendVariant(nil, vary, 1, h)
		if !ok {
			t.Fatalf("%q has no key", value)
		}
		return string(k)
	}
	for range 2000 {
		n := 1 + random.IntN(len(all))
		codings := slices.Clone(all)
		random.Shuffle(len(codings), func(i, j int) { codings[i], codings[j] = codings[j], codings[i] })
		codings = codings[:n]
		weights := make([]int, n)
		for i := range weights {
			weights[i] = []int{0, 1, 300, 500, 999, 1000, 1000}[random.IntN(7)]
		}
		a, b := spelling(random, codings, weights), spelling(random, codings, weights)
		if key(a) != key(b) {
			t.Fatalf("%q and %q are two keys", a, b)
		}
		weights[random.IntN(n)] = 700
		if c := spelling(random, codings, weights); key(a) == key(c) {
			t.Fatalf("%q and %q are one key", a, c)
		}
	}
}
