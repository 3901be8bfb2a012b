package http7

import (
	"slices"
	"testing"
)

func TestCapturesAreFoundByName(t *testing.T) {
	var c Captures
	c.Reset([]string{"id", "rest"})
	c.Set(0, []byte("7"))
	c.Set(1, []byte("a/b"))
	for _, want := range []struct {
		name, value string
		ok          bool
	}{{"id", "7", true}, {"rest", "a/b", true}, {"ID", "", false}, {"", "", false}} {
		if v, ok := c.Get(want.name); string(v) != want.value || ok != want.ok {
			t.Errorf("Get(%q) = %q, %v; want %q, %v", want.name, v, ok, want.value, want.ok)
		}
	}
	c.Reset([]string{"other"})
	if v, ok := c.Get("other"); len(v) > 0 || !ok || c.Len() != 1 {
		t.Errorf("after Reset: %q, %v of %d", v, ok, c.Len())
	}
	if name, value := c.At(0); name != "other" || value != nil {
		t.Errorf("At(0) = %q, %q", name, value)
	}
}

func TestWhatALogDidNotWriteIsMissed(t *testing.T) {
	var x Exchange
	if x.Lacks("header:x") {
		t.Error("a live exchange lacks a field")
	}
	r := &Recorded{Fields: map[string]bool{"header:x": true}}
	x.Recorded = r
	if x.Lacks("header:x") || !x.Lacks("header:y") || !slices.Equal(r.Missed, []string{"header:y"}) {
		t.Errorf("missed %q", r.Missed)
	}
}

func TestClaimsAreFoundByName(t *testing.T) {
	x := Exchange{Claims: []Claim{{"plan", []byte("gold")}, {"plan", []byte("tin")}}}
	if v, ok := x.Claim("plan"); string(v) != "gold" || !ok {
		t.Errorf("plan is %q, %v", v, ok)
	}
	if _, ok := x.Claim("sub"); ok {
		t.Error("there is a sub")
	}
}

func TestRoomLastsUntilRelease(t *testing.T) {
	var x Exchange
	a := append(x.Room(3), "abc"...)
	b := append(x.Room(3), "def"...)
	a = append(a, "more"...) // leaves b alone
	big := append(x.Room(2000), make([]byte, 2000)...)
	if string(a) != "abcmore" || string(b) != "def" || len(big) != 2000 {
		t.Errorf("%q, %q, %d", a, b, len(big))
	}
	x.Release()
	if n := testing.AllocsPerRun(100, func() {
		_ = append(x.Room(1000), 'x')
		x.Release()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
