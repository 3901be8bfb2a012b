// Package compress is the policy that compresses answers on their way to the client, as its
// Accept-Encoding allows.
//
// gateway compiles it; the hall runs its step and drives its filters.
package compress

import (
	"weir/http7"
	"weir/internal/conf"
)

// Compile returns the step of c for the bundle name, at stage present; none for a section that is
// off or offers nothing. It refuses what Check reports, should it come here unchecked.
func Compile(c *Config, bundle string) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff || len(c.Algorithms) == 0 {
		return nil, nil
	}
	return []http7.Step{{Name: bundle + ".compress", Bundle: bundle, Stage: http7.Present, Response: policy{}}}, nil
}

type policy struct{}

// Response implements [http7.ResponsePolicy].
func (policy) Response(*http7.Exchange) http7.Verdict { return http7.Continue }
