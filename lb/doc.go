// Package lb chooses the endpoint for one use and accounts for it.
//
// The halls of http7 and tcp4 call [Upstream.Pick] and [Lease.Done]; health calls
// [Registry.SetState]; gateway calls [Registry.Adopt] and [Registry.Retire]; obs and admin only
// read. lb knows no protocol and no socket: it sees a [Key] and returns a [Lease].
//
// An [Upstream] belongs to one snapshot. Its endpoints outlive it: the [Registry] keeps one
// [Endpoint] per upstream name and address for as long as any snapshot uses it, so that in-flight
// counts, latency, state and attachments survive a reload. What changes faster than config is one
// pointer to an immutable [View], rebuilt at most ten times a second for each upstream.
//
// Stairs to the next floors: Key is what hash balancers will read, State has the states that
// draining, ejection and maintenance need, and a balancer is one file that implements picker.
package lb
