package credential

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
)

func TestFieldsThatCannotTell(t *testing.T) {
	for _, c := range []struct {
		field, claim string
		want         string
	}{
		{"X-User", "sub", ""},
		{"Remote_User", "sub", ""},
		{"X-User", "", "forward.X-User: the claim is missing"},
		{"X User", "sub", `forward."X User": "X User" is not a field name`},
		{"Authorization", "sub", `forward.Authorization: "Authorization" has another meaning`},
		{"host", "sub", `forward.host: "host" has another meaning`},
		{"Transfer-Encoding", "sub", `forward.Transfer-Encoding: "Transfer-Encoding" has another meaning`},
	} {
		p := conf.NewProblems()
		CheckForward(p, map[string]string{c.field: c.claim})
		got := ""
		if l := p.List(); len(l) > 0 {
			got = l[0].Path.String() + ": " + l[0].Text
		}
		if got != c.want {
			t.Errorf("%s = %s: got %q, want %q", c.field, c.claim, got, c.want)
		}
	}
}

func TestWhatAFieldSaysHasOneReading(t *testing.T) {
	for _, c := range []struct {
		doc, want string
		err       error
	}{
		{`{}`, "", nil},
		{`{"c":null}`, "", nil},
		{`{"c":"x"}`, "x", nil},
		{`{"c":"x, y"}`, "x, y", nil},
		{`{"c":["x","y"]}`, "x,y", nil},
		{`{"c":["x"]}`, "x", nil},
		{`{"c":[]}`, "", nil},
		{`{"c":[["x"],["y"]]}`, "x,y", nil},
		{`{"c":[1,true]}`, "1,true", nil},
		{`{"c":{"d":1}}`, "", nil},
		{`{"c":"x\ty"}`, "x\ty", nil},
		{`{"c":["x,y"]}`, "", ErrUntellable},
		{`{"c":["x",""]}`, "", ErrUntellable},
		{`{"c":"x\ny"}`, "", ErrUntellable},
		{`{"c":"x\u0000"}`, "", ErrUntellable},
		{`{"c":"\u007f"}`, "", ErrUntellable},
		{`{"c":" x"}`, "", ErrUntellable},
		{`{"c":["x","y "]}`, "", ErrUntellable},
		{`{"other":"x\ny","c":"z"}`, "z", nil},
	} {
		f, err := NewForward(map[string]string{"X-C": "c"})
		if err != nil {
			t.Fatal(err)
		}
		claims, err := ParseClaims([]byte(c.doc))
		if err != nil {
			t.Fatal(err)
		}
		told, err := f.Tell(claims)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: got %v, want %v", c.doc, err, c.err)
			continue
		}
		var h http7.Header
		h.AddRaw([]byte("x-c"), []byte("forged"))
		if f.Write(&h, told); c.err == nil {
			want := ""
			if c.want != "" {
				want = "X-C: " + c.want + "\n"
			}
			if got := fields(&h); got != want {
				t.Errorf("%s: got %q, want %q", c.doc, got, want)
			}
		}
	}
}

func TestTellingAllocatesNothing(t *testing.T) {
	f, err := NewForward(map[string]string{"X-User": "sub", "X-Plan": "plan", "X-None": "none"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseClaims([]byte(`{"sub":"alice","plan":"gold"}`))
	if err != nil {
		t.Fatal(err)
	}
	told, err := f.Tell(c)
	if err != nil {
		t.Fatal(err)
	}
	var h http7.Header
	forged := []byte("forged")
	pass := func() {
		h.Reset(nil)
		h.AddRaw([]byte("X-User"), forged)
		f.Write(&h, told)
	}
	pass()
	if n := testing.AllocsPerRun(1000, pass); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

// document makes a random object, and says what it is when it is flat.
func document(r *rand.Rand, path string, depth int) (text string, flat []string) {
	var members []string
	for n := range r.IntN(5) {
		name := fmt.Sprint("m", n)
		value, all := random(r, path+name, depth)
		members = append(members, spelt(r, name)+blanks(r)+":"+value)
		flat = append(flat, all...)
	}
	return "{" + blanks(r) + strings.Join(members, ","+blanks(r)) + blanks(r) + "}", flat
}

func random(r *rand.Rand, path string, depth int) (text string, flat []string) {
	kind := r.IntN(8)
	if depth >= maxDepth && kind > 5 {
		kind = 0
	}
	switch kind {
	case 0, 1:
		s := []string{"", "x", "a b", "é", "\"", "\\", "\n", "日本", "}", "[1,"}[r.IntN(10)]
		return blanks(r) + spelt(r, s), []string{path + "=" + s}
	case 2:
		s := []string{"0", "-1", "1.5", "2e9", "-0.25E+3"}[r.IntN(5)]
		return blanks(r) + s, []string{path + "=" + s}
	case 3:
		return blanks(r) + "true", []string{path + "=true"}
	case 4:
		return blanks(r) + "false" + blanks(r), []string{path + "=false"}
	case 5:
		return "null", nil
	case 6:
		text, flat = document(r, path+".", depth+1)
		return text, flat
	}
	var elements []string
	for range r.IntN(4) {
		e, all := random(r, path, depth+1)
		elements, flat = append(elements, e), append(flat, all...)
	}
	return "[" + strings.Join(elements, ",") + blanks(r) + "]", flat
}

// spelt writes a string, sometimes in escapes.
func spelt(r *rand.Rand, s string) string {
	if r.IntN(3) > 0 {
		b, _ := json.Marshal(s) // a string marshals
		return string(b)
	}
	var b strings.Builder
	for _, c := range s {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return `"` + b.String() + `"`
}

func blanks(r *rand.Rand) string { return []string{"", "", " ", "\n\t", "\r\n"}[r.IntN(5)] }

func TestRandomDocuments(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		text, want := document(r, "", 1)
		c, err := ParseClaims([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var got []string
		for _, a := range c.All {
			got = append(got, a.Name+"="+string(a.Value))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: got %q, want %q", text, got, want)
		}
	}
}
