package mirror

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
)

func TestNumbersAreTheSameHoweverSpelt(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"1", "1.0", true}, {"1", "1e0", true}, {"100", "1E+2", true}, {"0.001", "1e-3", true}, {"-1.50", "-15e-1", true},
		{"0", "-0", true}, {"0", "0.000e9", true}, {"12.5", "0.125e2", true}, {"1e400", "10e399", true},
		{"1", "-1", false}, {"1", "10", false}, {"0.1", "0.01", false}, {"1.000000000000000000001", "1", false}, {"1e400", "1e401", false},
		{"1e999999999999", "1e999999999999", true}, {"1e999999999999", "1e999999999998", false}, {"0e999999999999", "0", true},
	} {
		if sameNumber(c.a, c.b) != c.same || sameNumber(c.b, c.a) != c.same {
			t.Errorf("%s and %s: the same %v, want %v", c.a, c.b, !c.same, c.same)
		}
	}
}

// Of numbers that can be reckoned with, sameNumber says what exact arithmetic says.
func FuzzNumbers(f *testing.F) {
	for _, n := range []string{"0", "-0.0", "1", "10e-1", "123.4500", "1e30", "0.1e1", "99999999999999999999", "5e-7"} {
		f.Add(n, "1.0")
		f.Add(n, n)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !isNumber(a) || !isNumber(b) || len(a) > 40 || len(b) > 40 {
			return
		}
		same := sameNumber(a, b)
		x, okX := rational(a)
		y, okY := rational(b)
		if okX && okY && same != (x.Cmp(y) == 0) {
			t.Fatalf("%s and %s: the same %v", a, b, same)
		}
	})
}

func isNumber(s string) bool {
	var n json.Number
	return json.Unmarshal([]byte(s), &n) == nil && !strings.HasPrefix(strings.TrimSpace(s), `"`) && s != "null" && strings.TrimSpace(s) == s
}

func rational(s string) (*big.Rat, bool) {
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 5 {
		return nil, false // too large to write out
	}
	return new(big.Rat).SetString(s)
}

// Any body equals itself, its own re-encoding and, if nothing counts, everything; and nothing panics.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.50,{"b":null}],"c":"\u00e9"}`, `[]`, `1e5`, `{"a":1,"a":2}`, `{`, `[[[[]]]]`, "nul", `{"":{"*":0}}`} {
		f.Add([]byte(s), []byte(`{"a":[1]}`), "a.*.b")
	}
	f.Fuzz(func(t *testing.T, a, b []byte, path string) {
		one, other, ok := parseBoth(a, b)
		if !ok {
			return
		}
		paths := []route{steps(path)}
		var self, back, cross findings
		compareJSON(one, one, nil, &self)
		compareJSON(one, other, paths, &cross)
		text, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		compareJSON(one, again, nil, &back)
		if self.count+back.count != 0 {
			t.Fatalf("%q differs from itself: %+v %+v", a, self, back)
		}
		var mirrored findings
		compareJSON(other, one, paths, &mirrored)
		if (cross.count == 0) != (mirrored.count == 0) {
			t.Fatalf("%q and %q: %d differences one way, %d the other", a, b, cross.count, mirrored.count)
		}
	})
}

func BenchmarkCompareEqualBytes(b *testing.B) {
	base, _ := seeded()
	m, live, shadow := pair(base.body, base.body)
	b.ReportAllocs()
	for b.Loop() {
		var f findings
		m.compareAnswers(live, shadow, &f)
	}
}

func BenchmarkCompareRespeltJSON(b *testing.B) {
	base, _ := seeded()
	m, live, shadow := pair(base.body, respelt(1))
	b.ReportAllocs()
	for b.Loop() {
		var f findings
		m.compareAnswers(live, shadow, &f)
	}
}

func pair(live, shadow string) (m *mirror, a, b *answer) {
	m = &mirror{most: 64 << 10, ignore: []route{{"at"}}}
	of := func(body string) *answer {
		return &answer{there: true, status: 200, json: true, body: record{b: []byte(body), whole: true}}
	}
	return m, of(live), of(shadow)
}
