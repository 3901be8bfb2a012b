package match

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

func TestTheIndexFindsWhatWasAddedAndNothingElse(t *testing.T) {
	x := newIndex()
	keys := []string{"", "a", strings.Repeat("s", shortKey), strings.Repeat("l", shortKey+1), strings.Repeat("l", shortKey) + "m"}
	for i := range 2000 {
		keys = append(keys, fmt.Sprint("/key/", i), fmt.Sprint("/a key that is longer than an entry has room for/", i))
	}
	for i, k := range keys {
		for s := space(1); s < 4; s++ {
			x.add(s, k).value = uint32(i)*4 + uint32(s)
		}
	}
	check := func(when string) {
		for i, k := range keys {
			for s := space(1); s < 4; s++ {
				if e := x.get(s, []byte(k)); e == nil || e.value != uint32(i)*4+uint32(s) {
					t.Fatalf("%s: %q of space %d is not found", when, k, s)
				}
			}
			if x.get(4, []byte(k)) != nil || x.get(1, []byte(k+"x")) != nil {
				t.Fatalf("%s: what was never added is found beside %q", when, k)
			}
		}
	}
	check("while it grows")
	x.finish()
	check("finished")
	if 2*len(x.entries) > 3*x.taken+64 {
		t.Fatalf("%d entries for %d keys", len(x.entries), x.taken)
	}
}

func TestAnEntryIsALineOfTheCache(t *testing.T) {
	if n := unsafe.Sizeof(entry{}); n != 64 {
		t.Fatalf("%d bytes", n)
	}
}

func TestAnEmptyIndexFindsNothing(t *testing.T) {
	x := newIndex()
	x.finish()
	if x.get(1, nil) != nil || x.get(1, []byte("a")) != nil {
		t.Fatal("found")
	}
}
