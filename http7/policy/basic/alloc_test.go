//go:build !race

// The race detector makes sync.Pool drop things on purpose.

package basic

import (
	"testing"

	"weir/http7"
	"weir/http7/policy/policytest"
)

func TestAnAdmittedRequestAllocatesNothing(t *testing.T) {
	for what, change := range map[string]func(*Config){"alone": nil, "told": func(c *Config) {
		c.Forward, c.Groups = map[string]string{"X-User": "consumer", "X-Groups": "groups"}, map[string][]string{"ops": {"ann"}}
	}} {
		steps := standing(t, stored(nil, "ann"), change)
		x, field := asked(credential("ann", "nna")), []byte(credential("ann", "nna"))
		once := func() {
			x.Release()
			x.Arrival = noon
			x.Request.AddRaw([]byte("Authorization"), field)
			if policytest.Pass(x, steps).Act != http7.Go {
				t.Fatal("refused")
			}
		}
		once()
		if n := testing.AllocsPerRun(1000, once); n != 0 {
			t.Errorf("%s: allocates %v times", what, n)
		}
	}
}
