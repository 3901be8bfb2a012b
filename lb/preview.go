package lb

import "time"

// Preview is what [Upstream.Pick] would choose from at one moment. It is a plain value.
type Preview struct {
	// Upstream is the upstream's name, Balance the balancer's.
	Upstream, Balance string
	// Reason is Picked, or why there would be no lease.
	Reason Reason
	// Choice is the address of the endpoint that would be picked, "" if that is left to chance or if there is
	// none. By says what decides: ByStick, ByHash, ByTurn, ByDraw, ByRest or BySpare; "" without a lease.
	Choice, By string
	// Tier is that of the candidates: 0 for the first choice, 1 and up for backups. Panic says that ejected
	// endpoints are among them.
	Tier  int
	Panic bool
	// Breaker is "off", "closed", "open" or "half_open"; BreakerLeft is how long it refuses every use.
	Breaker     string
	BreakerLeft time.Duration
	// Waiting is how many stand in the queue; newcomers line up behind them.
	Waiting int
	// Endpoints are all members in the order of the configuration.
	Endpoints []EndpointPreview
}

// What decides in a [Preview].
const (
	ByStick = "sticky" // the session wants that endpoint, and may stay there
	ByHash  = "hash"   // the key's place
	ByTurn  = "turn"   // it is the next in the round, unless another use is faster
	ByDraw  = "draw"   // chance, by what Chance says
	ByRest  = "rest"   // nobody else is free
	BySpare = "spare"  // the candidates hold nothing: somebody who is ready and no candidate
)

// EndpointPreview is one endpoint of a [Preview].
type EndpointPreview struct {
	// Address is as configured or found; Name is the host name that it was found by, else the address.
	Address, Name string
	State         State
	// Why is the reason that was given for the state, "" for Ready.
	Why  string
	Zone string
	Tier int
	// Weight is as configured, Share the candidate's part in thousandths of weight 1, less in slow start; 0 for
	// no candidate.
	Weight, Share int
	// InFlight and Limit are the leases that are not done and how many there may be, 0 for no limit.
	InFlight, Limit int64
	// Latency is the moving average of the time to the first byte as of its last sample, 0 before the first.
	Latency time.Duration
	// Tried says that the use has tried it already.
	Tried bool
	// Score is what the balancer compares, the lowest is the best: for ewma the expected wait in milliseconds,
	// for least_requests, maglev and ring what is in flight for its weight; 0 where nothing is compared, and for
	// no candidate.
	Score float64
	// Chance is how likely it is picked now, 0 to 1, give or take 0.02; for round_robin it is its part
	// of the turns.
	Chance float64
}

// Preview returns what Pick would choose from for k and tried, by drawing from a copy of the very picker that
// serves. It consumes nothing: no lease, no turn, no ticket of the breaker, and nothing is counted. It is for
// a person who asks: it allocates and may take milliseconds. It is safe for concurrent use.
func (u *Upstream) Preview(k Key, tried Tried) Preview {
	v := u.view.Load()
	p := Preview{Upstream: u.name, Balance: u.config.Balance, Tier: v.tier, Panic: v.panic}
	p.gate(u.group.gate)
	d := drawing{u: u, v: v, k: k, tried: tried, rehearsal: v.rehearsal()}
	d.decide(&p)
	p.Endpoints = make([]EndpointPreview, len(v.members))
	for i := range v.members {
		p.Endpoints[i] = d.endpoint(&v.members[i])
	}
	return p
}

// gate fills in what stands before the endpoints.
func (p *Preview) gate(g *Gate) {
	p.Breaker, p.BreakerLeft, p.Waiting = breakerOff, g.BreakerLeft(), g.queue.Len()
	if g.breaker.On() {
		p.Breaker = g.breaker.Stats(g.now()).State.String()
	}
	if p.BreakerLeft > 0 {
		p.Reason = BreakerOpen
	}
}

// drawing is a preview under way.
type drawing struct {
	u         *Upstream
	v         *View
	k         Key
	tried     Tried
	rehearsal *rehearsal
	first     *Endpoint
	drawn     map[*Endpoint]int
	draws     int
}

// decide says what Pick would come to.
func (d *drawing) decide(p *Preview) {
	d.drawn = make(map[*Endpoint]int)
	by := d.source()
	switch {
	case p.Reason == BreakerOpen: // the chances are those of when it closes
	case by == "":
		p.Reason = d.v.whyNot(&d.tried)
	default:
		p.By = by
		d.name(p)
	}
}

// source draws from where Pick would take an endpoint, in the order of [Upstream.choose].
func (d *drawing) source() (by string) {
	if e := d.k.Stick; e != nil && d.u.welcomes(e) && !d.tried.Has(e) && !e.full() {
		d.note(e)
		return ByStick
	}
	if d.draw(d.rehearsal.draws(d.k), d.candidate); d.draws > 0 {
		return d.rehearsal.by(d.k)
	}
	if d.v.whyNot(&d.tried) == AllFull || !d.v.spare && !d.u.stale.Load() {
		return ""
	}
	if d.draw(chanceDraws, d.spare); d.draws > 0 {
		return BySpare
	}
	return ""
}

// name fills in the choice where it is certain.
func (d *drawing) name(p *Preview) {
	switch {
	case p.By == ByTurn:
		p.Choice = d.first.address
	case len(d.drawn) == 1:
		p.Choice = d.first.address
		if p.By == ByDraw {
			p.By = ByRest
		}
	case p.By == ByHash:
		p.By = ByDraw
	}
}

func (d *drawing) candidate() *Endpoint { return d.rehearsal.pick(d.k, d.tried) }

func (d *drawing) spare() *Endpoint { return d.v.pickSpare(&d.tried) }

// draw notes n draws; it ends with one in vain.
func (d *drawing) draw(n int, pick func() *Endpoint) {
	for range n {
		e := pick()
		if e == nil {
			return
		}
		d.note(e)
	}
}

func (d *drawing) note(e *Endpoint) {
	if d.first == nil {
		d.first = e
	}
	d.drawn[e]++
	d.draws++
}

func (d *drawing) endpoint(m *Member) EndpointPreview {
	e := m.Endpoint
	p := EndpointPreview{
		Address: e.address, Name: e.Name(), State: e.State(), Why: e.Why(), Zone: m.Zone, Tier: m.Tier, Weight: m.Weight,
		InFlight: e.InFlight(), Limit: e.Limit(), Latency: e.Latency(), Tried: d.tried.Has(e),
	}
	if c, ok := d.rehearsal.candidates[e]; ok {
		p.Share, p.Score = c.Share, d.rehearsal.score(c)
	}
	if d.draws > 0 {
		p.Chance = float64(d.drawn[e]) / float64(d.draws)
	}
	return p
}
