package http7

import "testing"

func TestWhatAPolicyKeepsIsItsOwnAndEndsWithTheExchange(t *testing.T) {
	type policy struct{ int }
	one, two, what := &policy{1}, &policy{2}, new(int)
	x := &Exchange{}
	if got := x.Kept(one); got != nil {
		t.Errorf("kept %v of nothing", got)
	}
	x.Keep(one, what)
	x.Keep(two, one)
	x.Keep(two, two)
	for by, want := range map[any]any{one: what, two: two, what: nil} {
		if got := x.Kept(by); got != want {
			t.Errorf("%v keeps %v, want %v", by, got, want)
		}
	}
	x.Release()
	if x.Kept(one) != nil || x.Kept(two) != nil {
		t.Error("kept past the release")
	}
}

func TestKeepingAllocatesNothing(t *testing.T) {
	x, by, what := &Exchange{}, new(int), new(int)
	if n := testing.AllocsPerRun(1000, func() {
		x.Keep(by, what)
		if x.Kept(by) != any(what) {
			t.Fatal("not kept")
		}
		x.Release()
	}); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}
