//go:build !race

package serve

import (
	"testing"

	"weir/http7"
)

func TestWhatIsLoggedOfConditionsMakesNoObjects(t *testing.T) {
	r := NewReads([]string{"header:x-tenant", "cookie:uid", "sni", "claim:plan"}, []byte("key"))
	x := &exchange{}
	conn, matched := &http7.Conn{SNI: "a.example"}, 0
	run := func() {
		x.Conn = conn
		x.Request.AddRaw([]byte("X-Tenant"), []byte("acme"))
		x.Request.AddRaw([]byte("Cookie"), []byte("uid=1"))
		x.sights = r.note(x.sights[:0], x)
		x.matched = r.record(x.matched[:0], x)
		matched = len(x.matched)
		x.Release()
	}
	if n := testing.AllocsPerRun(1000, run); n >= 1 || matched != 3 { // the pool may lose its hasher to a collection
		t.Errorf("%d values, and it allocates %v times", matched, n)
	}
}
