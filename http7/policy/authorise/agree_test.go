package authorise

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"weir/http7"
)

// drawnPlain writes a plain requirement of some depth.
func drawnPlain(random *rand.Rand, depth int) string {
	if depth == 0 || random.IntN(4) == 0 {
		return []string{"scope:a", "scope:b", "group:a", "group:b", "consumer:c", "country:DE", "identified", "true", "false", `scope:"a b"`}[random.IntN(10)]
	}
	left, right := drawnPlain(random, depth-1), drawnPlain(random, depth-1)
	switch random.IntN(6) {
	case 0:
		return "!" + "(" + left + ")"
	case 1:
		return "not " + left
	case 2:
		return left + " && " + right
	case 3:
		return left + " || " + right
	case 4:
		return "(" + left + " or " + right + ")"
	}
	return "(" + left + ") and (" + right + ")"
}

// drawnExchange has some of what the terms ask for.
func drawnExchange(random *rand.Rand) *http7.Exchange {
	x := nobody()
	if random.IntN(5) == 0 {
		return x
	}
	var id http7.Identity
	for _, name := range []string{"a", "b", "a b"} {
		if random.IntN(2) == 0 {
			id.Scopes = append(id.Scopes, name)
		}
		if random.IntN(2) == 0 {
			id.Groups = append(id.Groups, name)
		}
	}
	id.Consumer = []string{"", "c", "d"}[random.IntN(3)]
	x.Establish(id)
	x.Country = []string{"", "DE", "FR"}[random.IntN(3)]
	return x
}

// FuzzPlain: the plain forms are judged as the engine judges them.
func FuzzPlain(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 1))
		text := drawnPlain(random, 4)
		p, ok := parsePlain(text)
		if !ok {
			t.Fatalf("%s is not plain", text)
		}
		e, err := newExpression(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for range 20 {
			x := drawnExchange(random)
			want, err := e.holds(x)
			if got := p.holds(x); got != want || err != nil {
				t.Fatalf("%s for %v %v %q %q: %v, the engine says %v, %v", text, x.Scopes, x.Groups, x.Consumer, x.Country, got, want, err)
			}
		}
	})
}

// FuzzRequirement: whatever an operator writes, it is refused or judged, and never judged where it fails.
func FuzzRequirement(f *testing.F) {
	for _, text := range []string{
		"scope:a && !group:b", `claims["plan"] == "gold"`, `any(groups, # == "a")`, `int(headers["X-Two"]) > 3`, `path matches "^/a"`, `client_in("::/0")`,
		`"a" in split(path, "/")`, "scope:'a", "a:b:c", "((((", "path == `\\`", `1 / 0 == 1`, `len(trim(upper(lower(query)))) < 3`, "\xff", `# == 1`, `one(claim_values.a, #)`, `any(groups, let x = #; x == "")`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := newRequirement(text)
		if err != nil {
			return
		}
		for _, x := range []*http7.Exchange{asked(nil), nobody()} {
			if ok, err := r.holds(x); ok && err != nil {
				t.Fatalf("%q holds, and fails: %v", text, err)
			}
		}
	})
}

// FuzzPattern: a path that is taken is one that the text says.
func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{{"/a/*", "/a/b"}, {"/*", "/"}, {"/a/{id}/b", "/a/1/b"}, {"/a", "/a/"}, {"/a%20b", "/a b"}, {"/{x}", "//"}, {"", ""}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		p, err := newPattern(text)
		if err != nil || !p.takes([]byte(path)) || path == "*" {
			return
		}
		if want := strings.Count(text, "/"); strings.HasSuffix(text, "/*") && strings.Count(path, "/") < want-1 || !strings.HasSuffix(text, "/*") && text != "/" && strings.Count(path, "/") != want {
			t.Fatalf("%q takes %q", text, path)
		}
	})
}

// What one exchange says must not be judged in another's place.
func TestManyAtOnceAreJudgedApart(t *testing.T) {
	r := requires(t, `claims["plan"] == headers["X-Plan"] && path endsWith claims["plan"] && len(groups) == 3 && scope:orders.read`)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			plan := []byte(strings.Repeat("x", i+1))
			x := asked(func(x *http7.Exchange) {
				x.Claims, x.Path, x.Groups = []http7.Claim{{Name: "plan", Value: plan}}, append([]byte("/"), plan...), append(x.Groups, string(plan))
				x.Request.AddRaw([]byte("X-Plan"), plan)
			})
			for range 500 {
				if ok, err := r.holds(x); !ok || err != nil {
					t.Errorf("%s: %v, %v", plan, ok, err)
					return
				}
			}
		})
	}
	wait.Wait()
}
