//go:build soak

package mirror_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"weir/http7/policy/mirror"
)

// Identical servers spell their answers each time in another way, and nothing is reported of them.
func TestSoakOfIdenticalServersNothingIsReported(t *testing.T) {
	answer := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		now := time.Now().UnixNano()
		if now%2 == 0 {
			fmt.Fprintf(w, `{"at":%d,"path":%q,"price":1.50,"list":[1,2,{"a":null}]}`, now, r.URL.Path)
		} else {
			fmt.Fprintf(w, `{"list": [1.0, 2, {"a": null}], "price": 15e-1, "path": %q, "at": %d}`, r.URL.Path, now)
		}
	}
	live, next := serving(t, answer), serving(t, answer)
	c := mirroring()
	c.Compare, c.Ignore = true, []string{"at"}
	r := newRig(t, &c, live.addr(), next.addr())
	const n = 100_000
	for i := range n {
		r.do("GET", fmt.Sprint("/", i%1000), "")
		if i%100 == 99 { // none is dropped
			r.figures("all compared", func(s mirror.Stats) bool { return s.Equal+s.Different+s.Unequalled == uint64(i+1) })
		}
	}
	st := r.figures("all compared", func(s mirror.Stats) bool { return s.InFlight == 0 })
	if st.Equal != n || st.Failed != 0 || r.log.String() != "" {
		t.Errorf("%+v, log %.500q, %+v", st, r.log, r.pool.Differences("site"))
	}
}
