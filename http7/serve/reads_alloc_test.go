//go:build !race

package serve

import (
	"testing"

	"weir/http7"
)

func TestWhatIsLoggedOfConditionsMakesNoObjects(t *testing.T) {
	r := NewReads([]string{"header:x-tenant", "cookie:uid", "sni", "claim:plan", "groups", "scopes"}, []byte("key"))
	x := &exchange{}
	groups, scopes := []string{"staff", "partners"}, []string{"orders.read"}
	conn, matched := &http7.Conn{SNI: "a.example"}, 0
	run := func() {
		x.Conn = conn
		x.Request.AddRaw([]byte("X-Tenant"), []byte("acme"))
		x.Request.AddRaw([]byte("Cookie"), []byte("uid=1"))
		x.Establish(http7.Identity{Consumer: "ann", Groups: groups, Scopes: scopes})
		x.sights = r.note(x.sights[:0], x)
		x.matched = r.record(x.matched[:0], x)
		matched = len(x.matched)
		x.Release()
	}
	if n := testing.AllocsPerRun(1000, run); n >= 1 || matched != 6 { // the pool may lose its hasher to a collection
		t.Errorf("%d values, and it allocates %v times", matched, n)
	}
}
