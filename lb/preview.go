package lb

import "time"

// Preview is what [Upstream.Pick] would choose from at one moment. It is a plain value.
type Preview struct {
	// Upstream is the upstream's name, Balance the balancer's.
	Upstream, Balance string
	// Reason is Picked, or why there would be no lease.
	Reason Reason
	// Choice is the address of the endpoint that would be picked, "" if that is left to chance or if there is
	// none. By says what decides: "sticky", "hash", "turn", "draw", "only" (nobody else is free), "spare"
	// (somebody who is no candidate), or "" without a lease.
	Choice, By string
	// Tier is that of the candidates: 0 for the first choice, 1 and up for backups. Panic says that ejected
	// endpoints are among them.
	Tier  int
	Panic bool
	// Breaker is "off", "closed", "open" or "half_open"; BreakerLeft is how long it refuses every use.
	Breaker     string
	BreakerLeft time.Duration
	// Waiting is how many stand in the queue.
	Waiting int
	// Endpoints are all members in the order of the configuration.
	Endpoints []EndpointPreview
}

// EndpointPreview is one endpoint of a [Preview].
type EndpointPreview struct {
	Address, Name string
	State         State
	// Why is the reason that was given for the state, "" for Ready.
	Why  string
	Zone string
	Tier int
	// Weight is as configured, Share the candidate's part in thousandths of weight 1; 0 for no candidate.
	Weight, Share int
	// InFlight and Limit are the leases that are not done and how many there may be, 0 for no limit.
	InFlight, Limit int64
	// Latency is the moving average of the time to the first byte, 0 before the first sample.
	Latency time.Duration
	// Tried says that the use has tried it already.
	Tried bool
	// Score is what the balancer compares, the lowest wins: for ewma the expected wait in milliseconds, for
	// least_requests, maglev and ring what is in flight for its weight; 0 where it compares nothing.
	Score float64
	// Chance is how likely it is picked now, 0 to 1, within 0.01.
	Chance float64
}

// Preview returns what Pick would choose from for k and tried. It consumes nothing: no lease, no turn, no
// ticket of the breaker. It is for a person who asks: it allocates and may take milliseconds. It is safe
// for concurrent use.
func (u *Upstream) Preview(k Key, tried Tried) Preview {
	v := u.View()
	p := Preview{Upstream: u.name, Balance: u.config.Balance, Tier: v.Tier(), Panic: v.Panic()}
	for _, m := range v.Members() {
		p.Endpoints = append(p.Endpoints, EndpointPreview{
			Address: m.Endpoint.Address(), Name: m.Endpoint.Name(), State: m.Endpoint.State(), Why: m.Endpoint.Why(), Zone: m.Zone, Tier: m.Tier,
			Weight: m.Weight, Share: m.Share, InFlight: m.Endpoint.InFlight(), Limit: m.Endpoint.Limit(),
			Latency: m.Endpoint.Latency(), Tried: tried.Has(m.Endpoint),
		})
	}
	return p
}
