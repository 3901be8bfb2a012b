//go:build !race

package lb

const raced = false

// seeds are what each scenario is run with.
var seeds = []uint64{1, 2}
