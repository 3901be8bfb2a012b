// Package health decides which endpoints are fit, and tells lb, which composes what the judges say
// into a state.
//
// [Monitor] gives the word of the probes: HTTP, TCP or gRPC, each with or without TLS. One
// scheduler goroutine starts each probe when it is due, on a goroutine of its own and never more
// than a fixed number at once. A check belongs to an [lb.Endpoint], which outlives snapshots: its
// counts of successes and failures in a row go on across a reload, whatever the new config says.
//
// [Outliers] gives the word of the traffic itself, by the tallies that uses leave on endpoints: rows
// of errors, which lb reports as they happen, and rates of success, which are compared every 10 s.
// An endpoint is compared with the others on the same routes, so that a route that fails
// everywhere ejects nobody. One goroutine does it all. A [Monitor] that knows of it may end an
// ejection early.
//
// gateway makes one of each for the process, calls both Adopt methods with the upstreams of each
// snapshot that it publishes, and runs them; obs and admin read [Monitor.Report], [Outliers.Stats]
// and [Outliers.Ejections]. health knows nothing of routes, pools or exchanges.
package health
