package scenario

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// anyText returns a random text of UTF-8 in which awkward characters are frequent.
func anyText(random *rand.Rand) string {
	const awkward = "/?#&=%+ \"'\\$${}\t\n\r\x00\x1f\x7fäé€\u2028😀"
	runes := []rune(awkward + alphanumeric)
	var b strings.Builder
	for range random.IntN(20) {
		b.WriteRune(runes[random.IntN(len(runes))])
	}
	return b.String()
}

func TestWhatIsEncodedForAPathIsDecodedToItself(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		want := anyText(random)
		got := string(appendEncoded(nil, inPath, want))
		if back, err := url.PathUnescape(got); err != nil || back != want {
			t.Fatalf("%q became %q, which is %q (%v)", want, got, back, err)
		}
		if back, err := url.QueryUnescape(got); err != nil || back != want {
			t.Fatalf("%q became %q, which in a query is %q (%v)", want, got, back, err)
		}
		if strings.ContainsAny(got, "/?#&=+ \"'\\\x00\n") {
			t.Fatalf("%q became %q, which is no single segment", want, got)
		}
	}
}

func TestWhatIsEncodedForJSONIsDecodedToItself(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		want := anyText(random)
		text := append(appendEncoded([]byte(`"`), inJSON, want), '"')
		var back string
		if err := json.Unmarshal(text, &back); err != nil || back != want {
			t.Fatalf("%q became %s, which is %q (%v)", want, text, back, err)
		}
	}
}

func TestARawValueStaysAsItIs(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for range 100 {
		want := anyText(random)
		if got := string(appendEncoded(nil, asIs, want)); got != want {
			t.Fatalf("%q became %q", want, got)
		}
	}
}

// The bounds are five standard deviations: a right generator misses one in 1.7 million draws of the seed.
func TestRandomNumbersAreEvenAndStayInTheirRange(t *testing.T) {
	for _, c := range []struct{ low, high int64 }{{0, 1}, {1, 6}, {-2, 2}, {100, 109}, {5, 5}} {
		v := piece{kind: random, site: 9}
		if text := v.numbers([]string{fmt.Sprint(c.low), fmt.Sprint(c.high)}); text != "" {
			t.Fatal(text)
		}
		const draws = 20_000
		counts := map[string]int{}
		for n := range int64(draws) {
			now := turn{seed: 4, n: n}
			counts[string(now.appendPiece(nil, &v))]++
		}
		kinds := c.high - c.low + 1
		if int64(len(counts)) != kinds {
			t.Errorf("%d to %d gave %d different numbers", c.low, c.high, len(counts))
		}
		share := 1 / float64(kinds)
		for i := c.low; i <= c.high; i++ {
			off := math.Abs(float64(counts[fmt.Sprint(i)]) - draws*share)
			if off > 5*math.Sqrt(draws*share*(1-share))+1e-9 {
				t.Errorf("%d to %d: %d came %d times of %d", c.low, c.high, i, counts[fmt.Sprint(i)], draws)
			}
		}
	}
}

func TestTheWholeRangeOfIntegersCanBeDrawn(t *testing.T) {
	v := piece{kind: random}
	if text := v.numbers([]string{"-9223372036854775808", "9223372036854775807"}); text != "" || v.span != 0 {
		t.Fatalf("span %d, %s", v.span, text)
	}
	negative, large := 0, 0
	for n := range int64(1000) {
		now := turn{seed: 4, n: n}
		text := string(now.appendPiece(nil, &v))
		if strings.HasPrefix(text, "-") {
			negative++
		}
		if len(strings.TrimPrefix(text, "-")) == 19 {
			large++
		}
	}
	if negative < 400 || negative > 600 || large < 800 {
		t.Errorf("of 1000 numbers %d are negative and %d have 19 digits", negative, large)
	}
}

func TestDrawnTextsUseTheirWholeAlphabetInEveryPlace(t *testing.T) {
	for _, alphabet := range []string{alphanumeric, hexDigits} {
		var seen [23]map[byte]int
		for n := range uint64(4000) {
			text := appendDrawn(nil, draw(1, n, 1), len(seen), alphabet)
			for i, c := range text {
				if seen[i] == nil {
					seen[i] = map[byte]int{}
				}
				seen[i][c]++
			}
		}
		share := 1 / float64(len(alphabet))
		for i := range seen {
			for _, c := range []byte(alphabet) {
				if off := math.Abs(float64(seen[i][c]) - 4000*share); off > 5.5*math.Sqrt(4000*share) {
					t.Errorf("place %d has %q %d times of 4000, of %d characters", i, c, seen[i][c], len(alphabet))
				}
			}
		}
	}
}

func TestUUIDsDifferAndSayTheirVersion(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	var ones [36]map[byte]bool
	for n := range uint64(5000) {
		id := string(appendUUID(nil, draw(1, n, 1)))
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("UUID %d is %s, seen before: %v", n, id, seen[id])
		}
		seen[id] = true
		for i := range ones {
			if ones[i] == nil {
				ones[i] = map[byte]bool{}
			}
			ones[i][id[i]] = true
		}
	}
	for i, digits := range ones {
		want := 16
		switch i {
		case 8, 13, 18, 23, 14:
			want = 1
		case 19:
			want = 4
		}
		if len(digits) != want {
			t.Errorf("place %d has %d different characters, want %d", i, len(digits), want)
		}
	}
}

func TestDrawsOfOtherSitesTurnsAndSeedsAreOthers(t *testing.T) {
	seen := map[uint64]string{}
	for seed := range uint64(20) {
		for turn := range uint64(20) {
			for site := range uint64(20) {
				x, where := draw(seed, turn, site), fmt.Sprint(seed, turn, site)
				if other, twice := seen[x]; twice {
					t.Fatalf("%s and %s draw the same", where, other)
				}
				seen[x] = where
			}
		}
	}
}

func TestSpreadReachesBothEndsAndNoFurther(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 1000, 1 << 40, math.MaxUint64} {
		if low, high := spread(0, n), spread(math.MaxUint64, n); low != 0 || high != n-1 {
			t.Errorf("of %d: from %d to %d", n, low, high)
		}
	}
	if spread(12345, 0) != 12345 {
		t.Error("all of 64 bits are not themselves")
	}
}

func TestEncodedTextsAreStillUTF8(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for range 500 {
		for _, e := range []encoding{asIs, inPath, inJSON} {
			if got := appendEncoded(nil, e, anyText(random)); !utf8.Valid(got) {
				t.Fatalf("%q", got)
			}
		}
	}
}
