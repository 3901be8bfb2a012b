package paths

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// morsels are what random paths are made of: mostly what matters.
var morsels = []string{
	"/", "/", "/", ".", "..", "a", "b", ";", "%2F", "%2f", "%2e", "%2E", "%3B", "%61", "%C3%A4", "%c3", "%A4", "[", "]", "%5B", "%25", "%00", "%5c", "é", " ", "+", "%2B", "%7e", "%", "%4",
}

func randomPath(r *rand.Rand) string {
	var b strings.Builder
	b.WriteByte('/')
	for range r.IntN(9) {
		b.WriteString(morsels[r.IntN(len(morsels))])
	}
	return b.String()
}

func TestRandomPathsReadAsTheReferenceReadsThem(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	taken := 0
	for range 40_000 {
		path, n := randomPath(r), uint8(r.IntN(allRules))
		agrees(t, path, rulesOf(n))
		if _, fine := reference(path, rulesOf(n)); fine {
			taken++
		}
	}
	if taken < 5_000 {
		t.Errorf("only %d paths were let through: the test sees little", taken)
	}
}

// respell writes a path in another way that means the same: some bytes escaped, digits of escapes in
// either case.
func respell(r *rand.Rand, path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case c == '%':
			digits := path[i+1 : i+3]
			if r.IntN(2) == 0 {
				digits = strings.ToLower(digits)
			}
			b.WriteString("%" + digits)
			i += 2
		case c != '/' && c != ';' && r.IntN(3) == 0:
			fmt.Fprintf(&b, []string{"%%%02x", "%%%02X"}[r.IntN(2)], c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func TestTwoSpellingsOfOnePathHaveOneForm(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2))
	tried := 0
	for range 20_000 {
		rules := rulesOf(uint8(r.IntN(allRules)))
		form, fine := reference(randomPath(r), rules)
		if !fine {
			continue
		}
		tried++
		other := respell(r, form)
		if got := read(t, rules, other); got != form {
			t.Fatalf("%q is another spelling of %q and becomes %q with %+v", other, form, got, rules)
		}
	}
	if tried < 2_000 {
		t.Errorf("only %d paths were tried", tried)
	}
}

// TestFormsOfDifferentPathsDiffer: paths whose segments differ to some reader never share a form.
func TestFormsOfDifferentPathsDiffer(t *testing.T) {
	all := Rules{EmptySegments: Keep, EncodedSlash: Keep, Parameters: Keep}
	for _, pair := range [][2]string{
		{"/a%2Fb", "/a/b"}, {"/a%3Bb", "/a;b"}, {"/a%25b", "/a%b"}, {"/%2561", "/a"}, {"/a/", "/a"}, {"/a//", "/a/"}, {"/A", "/a"}, {"/a+b", "/a%20b"}, {"/%C3%A4", "/a%CC%88"},
	} {
		if one, two := read(t, all, pair[0]), read(t, all, pair[1]); one == two {
			t.Errorf("%q and %q are both %q", pair[0], pair[1], one)
		}
	}
}

func TestShownAreTheStrictestRulesThatLetAPathThrough(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 4))
	kept := 0
	for range 20_000 {
		form, fine := reference(randomPath(r), rulesOf(uint8(r.IntN(allRules))))
		if !fine {
			continue
		}
		shown := Shown([]byte(form))
		if got := read(t, shown, form); got != form {
			t.Fatalf("%q: %+v are shown, under which it is %q", form, shown, got)
		}
		for _, less := range []func(*Rules) *Rule{
			func(r *Rules) *Rule { return &r.EmptySegments }, func(r *Rules) *Rule { return &r.EncodedSlash }, func(r *Rules) *Rule { return &r.Parameters },
		} {
			stricter := shown
			if rule := less(&stricter); *rule == Keep {
				*rule = Refuse
				kept++
				if got := read(t, stricter, form); got[0] != '!' {
					t.Fatalf("%q: %+v are shown, and %+v would do", form, shown, stricter)
				}
			}
		}
	}
	if kept < 500 {
		t.Errorf("only %d rules were put to the test", kept)
	}
}
