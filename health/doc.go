// Package health decides which endpoints are fit, and tells lb.
//
// gateway makes one [Monitor] for the process, calls [Monitor.Adopt] with the upstreams of each
// snapshot that it publishes, and runs it; obs and admin read [Monitor.Report]. One scheduler
// goroutine starts each probe when it is due, on a goroutine of its own and never more than a
// fixed number at once.
//
// A check belongs to an [lb.Endpoint], which outlives snapshots: its counts of successes and
// failures in a row go on across a reload, whatever the new config says. health knows nothing of
// routes, pools or exchanges. Judgement over the counters that traffic leaves on endpoints will
// live here too; it is the next floor.
package health
