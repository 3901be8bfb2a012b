// Package lb chooses the endpoint for one use and accounts for it.
//
// The halls of http7 and tcp4 call [Upstream.Pick] and [Lease.Done], and the [Gate] before them;
// health and operators call [Registry.Judge]; discovery calls [Upstream.Update]; gateway calls
// [Registry.Adopt] and [Registry.Retire]; obs and admin only read. lb knows no protocol and no
// socket: it sees a [Key] and returns a [Lease].
//
// An [Upstream] belongs to one snapshot. Its endpoints outlive it: the [Registry] keeps one
// [Endpoint] per upstream name and address for as long as any snapshot uses it, so that in-flight
// counts, latency, tallies, the judges' words and attachments survive reloads and refreshes of
// discovery. The [Gate] survives by the upstream's name.
//
// What changes faster than config is one pointer to an immutable [View], rebuilt at most ten times
// a second for each upstream: who may be picked (states, backup tiers, panic), in which zone, for
// which share (weights, slow start), by which picker. What changes with each use lies in atomics of
// the endpoint: Pick reads them, takes no lock and writes one of them.
//
// A balancer is one file that implements picker. Discovery of another kind calls Update, and needs
// nothing from here.
package lb
