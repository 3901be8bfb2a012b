//go:build race

package lb

// raced: instrumented code computes several times as slowly, and what only computes has no races. Simulations and counts
// are smaller then; they are as large as is needed without.
const raced = true

// seeds are what each scenario is run with.
var seeds = []uint64{1}
