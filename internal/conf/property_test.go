package conf

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// draws is how many values each property is tried on.
const draws = 2000

// eachDraw calls f with a source of random numbers that is the same on every run.
func eachDraw(t *testing.T, f func(r *rand.Rand)) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for range draws {
		f(r)
		if t.Failed() {
			return
		}
	}
}

// read reads a text that must be right.
func read(t *testing.T, v Value, text string) {
	t.Helper()
	if err := v.UnmarshalText([]byte(text)); err != nil {
		t.Errorf("%q is refused: %v", text, err)
	}
}

func TestEveryDurationIsReadAsItIsWritten(t *testing.T) {
	eachDraw(t, func(r *rand.Rand) {
		want := Dur(time.Duration(r.Int64N(1 << r.IntN(62))))
		var got Duration
		read(t, &got, want.String())
		if got != want {
			t.Errorf("%d ns is written %s and read %d ns", want.Value(), want, got.Value())
		}
	})
}

func TestEveryDurationOfGoIsReadAsGoDoes(t *testing.T) {
	// time.Duration writes "1h2m3.5s"; configs of other programs hold such texts.
	eachDraw(t, func(r *rand.Rand) {
		want := time.Duration(r.Int64N(int64(1000 * time.Hour))).Round(time.Millisecond)
		var got Duration
		read(t, &got, want.String())
		if got.Value() != want {
			t.Errorf("%s is read as %s", want, got.Value())
		}
	})
}

func TestEverySizeIsReadAsItIsWritten(t *testing.T) {
	eachDraw(t, func(r *rand.Rand) {
		want := Bytes(r.Int64N(1<<r.IntN(40)) << r.IntN(20))
		var got Size
		read(t, &got, want.String())
		if got != want {
			t.Errorf("%d B is written %s and read %d B", want.Value(), want, got.Value())
		}
	})
}

func TestEverySetOfStatusesIsReadAsItIsWritten(t *testing.T) {
	eachDraw(t, func(r *rand.Rand) {
		var want, got StatusSet
		for range 1 + r.IntN(6) {
			from := 100 + r.IntN(500)
			want.addRange(from, min(599, from+r.IntN(120)))
		}
		read(t, &got, want.String())
		if got != want {
			t.Errorf("%s is read as %s", want, got)
		}
	})
}

func TestEveryIPAddressIsReadAsItIsWritten(t *testing.T) {
	eachDraw(t, func(r *rand.Rand) {
		ip := randomIP(r)
		want := netip.AddrPortFrom(ip, uint16(r.IntN(65536)))
		var got Address
		read(t, &got, want.String())
		if got.IP() != ip || got.Port() != want.Port() || got.Dial() != want.String() {
			t.Errorf("%s is read as %s", want, got)
		}
	})
}

func TestEveryBlockIsReadAsItIsWritten(t *testing.T) {
	eachDraw(t, func(r *rand.Rand) {
		ip := randomIP(r)
		want, err := ip.Prefix(r.IntN(ip.BitLen() + 1))
		if err != nil {
			t.Fatal(err)
		}
		var got Prefix
		read(t, &got, want.String())
		if got.Value() != want || !got.Contains(ip) {
			t.Errorf("%s is read as %s", want, got)
		}
	})
}

func randomIP(r *rand.Rand) netip.Addr {
	if r.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
	}
	var b [16]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[0] = 0x20 // global unicast, so no address is IPv4 in IPv6
	return netip.AddrFrom16(b)
}

func TestOverlapIsTheSameBothWays(t *testing.T) {
	hosts := []string{"", "0.0.0.0", "[::]", "127.0.0.1", "[::1]", "10.0.0.1", "a.example"}
	eachDraw(t, func(r *rand.Rand) {
		draw := func() Address {
			return mustAddress(t, hosts[r.IntN(len(hosts))]+":"+strconv.Itoa(r.IntN(3)))
		}
		a, b := draw(), draw()
		if a.Overlaps(b) != b.Overlaps(a) {
			t.Errorf("%s and %s overlap one way only", a, b)
		}
		if a == b && a.Port() != 0 && !a.Overlaps(b) {
			t.Errorf("%s does not overlap itself", a)
		}
		if a.Port() != b.Port() && a.Overlaps(b) {
			t.Errorf("%s and %s overlap", a, b)
		}
	})
}

func TestAddressesAreKeysOfMaps(t *testing.T) {
	seen := map[Address]string{}
	for _, text := range []string{"a:1", "A:1", "10.0.0.1:1", "[::1]:1", "[0:0::1]:1", "unix:/a", ":1"} {
		seen[mustAddress(t, text)] = text
	}
	if len(seen) != 5 {
		t.Errorf("%d addresses, want 5: equal ones are spelt alike inside: %v", len(seen), seen)
	}
}

// damaged drops, doubles or changes one character.
func damaged(r *rand.Rand, word string) string {
	i := r.IntN(len(word))
	switch r.IntN(3) {
	case 0:
		return word[:i] + word[i+1:]
	case 1:
		return word[:i+1] + word[i:]
	}
	return word[:i] + string(rune('a'+r.IntN(26))) + word[i+1:]
}

func TestOneWrongLetterIsForgiven(t *testing.T) {
	words := []string{"endpoints", "timeouts", "connections", "max_connections_per_client", "trusted_proxies", "header_timeout"}
	eachDraw(t, func(r *rand.Rand) {
		want := words[r.IntN(len(words))]
		wrong := damaged(r, want)
		if got := Nearest(wrong, words); got != want {
			t.Errorf("%s is near %q, want %s", wrong, got, want)
		}
	})
}

func TestTheCostOfAnEditIsADistance(t *testing.T) {
	letters := func(r *rand.Rand) string {
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteByte("abc"[r.IntN(3)])
		}
		return b.String()
	}
	eachDraw(t, func(r *rand.Rand) {
		a, b := letters(r), letters(r)
		there, back := editCost(a, b), editCost(b, a)
		if there != back || (there == 0) != (a == b) || there > max(len(a), len(b)) {
			t.Errorf("from %q to %q costs %d, back %d", a, b, there, back)
		}
	})
}

func TestEditsCostWhatTheyShould(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"abc", "abd", 1},
		{"abc", "ab", 1},
		{"abc", "xabc", 1},
		{"abc", "acb", 1}, // neighbours swapped
		{"abcd", "badc", 2},
		{"kitten", "sitting", 3},
		{"abc", strings.Repeat("x", 12), 64}, // too far to count
		{strings.Repeat("x", 65), strings.Repeat("x", 65), 64},
	} {
		if got := editCost(c.a, c.b); got != c.want {
			t.Errorf("from %q to %q costs %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestHintsLeadToARightValue(t *testing.T) {
	// Every text that a hint gives in quotes as an example must itself be accepted.
	for _, v := range kinds() {
		if _, secret := v.(*Secret); secret {
			continue // its examples are tables
		}
		_, hint := v.Wants()
		parts := strings.Split(hint, `"`)
		for i := 1; i < len(parts); i += 2 {
			if err := v.UnmarshalText([]byte(parts[i])); err != nil {
				t.Errorf("the hint of %T offers %q, which is refused: %v", v, parts[i], err)
			}
		}
	}
}
