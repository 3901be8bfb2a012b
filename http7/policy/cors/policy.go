// Package cors is the policy that tells browsers which scripts of other sites may ask and read, by
// the CORS protocol of the Fetch standard (https://fetch.spec.whatwg.org/#http-cors-protocol).
//
// gateway compiles it; the hall asks it about preflights right after the guards, and runs it over every
// answer. It speaks for the endpoint: the endpoint's own Access-Control fields are replaced.
package cors

import (
	"fmt"

	"weir/http7"
	"weir/internal/conf"
)

// Compile returns the step of c for the bundle name, at stage present, none if it is off. It refuses
// what Check reports, should that come here unchecked.
func Compile(c *Config, name string) ([]http7.Step, error) {
	p := conf.NewProblems()
	if c.Check(p); p.Failed() {
		return nil, fmt.Errorf("%s.cors: %s", name, p.List()[0].Text)
	}
	return nil, nil
}
