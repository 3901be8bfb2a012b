package rule

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

// wellFormed is the grammar of Cache-Control without empty members (RFC 9111 §5.2, RFC 9110 §5.6).
var (
	tokenText  = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
	quotedText = `"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\.)*"`
	directive  = regexp.MustCompile(`^[ \t]*(` + tokenText + `)(?:=(` + tokenText + `|` + quotedText + `))?[ \t]*(?:,|$)`)
)

// readSlowly reads max-age, no-store and the rest as the grammar says; ok is false for what is not well-formed.
func readSlowly(list string) (found map[string][]string, ok bool) {
	found = map[string][]string{}
	for list != "" {
		m := directive.FindStringSubmatch(list)
		if m == nil {
			return nil, false
		}
		name := strings.ToLower(m[1])
		found[name] = append(found[name], m[2])
		list = list[len(m[0]):]
	}
	return found, true
}

func TestDirectivesAgreeWithTheGrammar(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pieces := []string{
		"max-age", "s-maxage", "no-store", "no-cache", "private", "public", "foo", "=", "=", `"`, `"`, `\`, ",", ", ", " ", "\t",
		"60", "060", "x", "MAX-AGE=5", `="a, b"`, "must-revalidate", ";", "ü", "immutable", "",
	}
	formed := 0
	for range 20_000 {
		var b strings.Builder
		for range 1 + random.IntN(9) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		list := strings.Trim(b.String(), " \t")
		if strings.Contains(","+strings.NewReplacer(" ", "", "\t", "").Replace(list)+",", ",,") {
			continue // the grammar above has no empty members
		}
		h := &http7.Header{}
		h.AddRaw([]byte("Cache-Control"), []byte(list))
		got := ReadDirectives(h, http7.Known(http7.CacheControl))
		want, ok := readSlowly(list)
		if got.Malformed == ok {
			t.Fatalf("%q: malformed is %v", list, got.Malformed)
		}
		if !ok {
			continue
		}
		formed++
		checkFlag(t, list, "no-store", got.NoStore, len(want["no-store"]) > 0)
		checkFlag(t, list, "must-revalidate", got.MustRevalidate, len(want["must-revalidate"]) > 0)
		checkFlag(t, list, "public", got.Public, contains(want["public"], ""))
		checkFlag(t, list, "immutable", got.Immutable, contains(want["immutable"], ""))
		checkSeconds(t, list, "max-age", got.MaxAge, want["max-age"])
		checkSeconds(t, list, "s-maxage", got.SMaxAge, want["s-maxage"])
	}
	if formed < 500 {
		t.Errorf("only %d lists were well-formed", formed)
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func checkFlag(t *testing.T, list, name string, got, want bool) {
	t.Helper()
	if got != want {
		t.Fatalf("%q: %s is %v, want %v", list, name, got, want)
	}
}

// checkSeconds: absent, or the one value, or 0.
func checkSeconds(t *testing.T, list, name string, got int64, args []string) {
	t.Helper()
	want := int64(Absent)
	for i, arg := range args {
		n, err := strconv.ParseUint(strings.Trim(arg, `"`), 10, 31)
		if err != nil || strings.Count(arg, `"`) == 1 || i > 0 && int64(n) != want {
			want = 0
			break
		}
		want = int64(n)
	}
	if got != want {
		t.Fatalf("%q: %s is %d, want %d", list, name, got, want)
	}
}

// An answer in numbers, as RFC 9111 §4.2 writes its formulas; -1 is not given.
type sketch struct {
	maxAge, sMaxAge, expires, date, age, swr, delay int64
	revalidate, noCache, tag                        bool
}

func (s sketch) fields() string {
	out := []string{"X-A: 1"}
	add := func(n int64, format string) {
		if n >= 0 {
			out = append(out, fmt.Sprintf(format, n))
		}
	}
	add(s.maxAge, "Cache-Control: max-age=%d")
	add(s.sMaxAge, "Cache-Control: s-maxage=%d")
	add(s.swr, "Cache-Control: stale-while-revalidate=%d")
	add(s.age, "Age: %d")
	if s.expires >= 0 {
		out = append(out, "Expires: "+at(s.expires-50))
	}
	if s.date >= 0 {
		out = append(out, "Date: "+at(s.date-50))
	}
	for on, text := range map[string]bool{"Cache-Control: must-revalidate": s.revalidate, "Cache-Control: no-cache": s.noCache, `ETag: "a"`: s.tag} {
		if text {
			out = append(out, on)
		}
	}
	return strings.Join(out, " | ")
}

// serve says what may be done with it t seconds after it came.
func (s sketch) serve(t int64) string {
	date := int64(0)
	if s.date >= 0 {
		date = s.date - 50
	}
	lifetime := int64(-1)
	switch {
	case s.sMaxAge >= 0:
		lifetime = s.sMaxAge
	case s.maxAge >= 0:
		lifetime = s.maxAge
	case s.expires >= 0:
		lifetime = max(s.expires-50-date, 0)
	}
	age := max(max(0, -date), max(s.age, 0)+s.delay) + t
	strict := s.revalidate || s.noCache || s.sMaxAge >= 0
	window := int64(0)
	if !strict {
		window = max(s.swr, 0)
	}
	switch {
	case lifetime < 0 && !s.noCache, s.noCache && !s.tag, lifetime == 0 && !s.tag && window == 0:
		return "not stored"
	case s.noCache:
		return "validate"
	case lifetime > age:
		return "use"
	case age-lifetime < window:
		return "use-and-renew"
	}
	return "validate"
}

func TestFreshnessAgreesWithTheFormulas(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	maybe := func(n int64) int64 {
		if random.IntN(2) == 0 {
			return -1
		}
		return random.Int64N(n)
	}
	seen := map[string]int{}
	for range 15_000 {
		s := sketch{
			maxAge: maybe(100), sMaxAge: maybe(100), expires: maybe(150), date: maybe(100), age: maybe(60), swr: maybe(40),
			delay: random.Int64N(5), revalidate: random.IntN(4) == 0, noCache: random.IntN(8) == 0, tag: random.IntN(2) == 0,
		}
		if random.IntN(2) == 0 {
			s.sMaxAge = -1
		}
		after := random.Int64N(120)
		k := get("", 200, s.fields())
		k.Asked -= s.delay * second
		got := "not stored"
		if v := Judge(k, &Config{}); v.Store {
			a := ReadAsks(k.Request)
			got = Serve(&v.Facts, &a, now+after*second).String()
		}
		want := s.serve(after)
		if got != want {
			t.Fatalf("%q with a way of %d s, after %d s: %s, want %s", s.fields(), s.delay, after, got, want)
		}
		seen[want]++
	}
	for _, what := range []string{"not stored", "validate", "use", "use-and-renew"} {
		if seen[what] < 100 {
			t.Errorf("%s came up %d times", what, seen[what])
		}
	}
}

// What is fresh turns stale once, and never fresh again.
func TestFreshnessEndsOnce(t *testing.T) {
	_, f := stored(t, "Cache-Control: max-age=60, stale-while-revalidate=30 | Age: 7")
	a := ReadAsks(fields(""))
	order := map[Decision]int{Use: 0, UseAndRenew: 1, Validate: 2}
	last := 0
	for at := now; at < now+120*second; at += int64(250 * time.Millisecond) {
		n := order[Serve(&f, &a, at)]
		if n < last {
			t.Fatalf("after %v it is good for more again", time.Duration(at-now))
		}
		last = n
	}
	if last != 2 {
		t.Error("it never ended")
	}
}
