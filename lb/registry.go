package lb

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Registry owns the endpoints of all upstreams across reloads. All methods are safe for
// concurrent use; none is for the path of a request.
type Registry struct {
	epoch time.Time
	gone  func(*Endpoint)

	mu        sync.Mutex
	endpoints map[endpointKey]*Endpoint
	groups    map[string]*group // by the upstream's name
	lastID    uint32

	onStreak atomic.Pointer[func(*Endpoint, int)]
	onTurn   atomic.Pointer[func()]
	orders   atomic.Pointer[func(upstream, address, name string) (State, string)]
}

type endpointKey struct{ upstream, address string }

// NewRegistry returns an empty registry. gone, which may be nil, is called once for each endpoint
// that no upstream uses any more, so that its pools can close; leases on it may still be open. It
// runs, without a lock, on the goroutine that called Retire or Update or on that of a timer.
func NewRegistry(gone func(*Endpoint)) *Registry {
	return &Registry{
		epoch:     time.Now(),
		gone:      gone,
		endpoints: make(map[endpointKey]*Endpoint),
		groups:    make(map[string]*group),
	}
}

// Adopt makes the upstream name of a new snapshot. Endpoints that a live upstream of that name has
// at the same address are taken over with all their state; others are new and Unknown. It fails on
// an unknown balancer or an empty or repeated address, which Check finds first.
//
// The caller gives the upstream back with Retire, whether its snapshot was published or not.
func (r *Registry) Adopt(name string, cfg Config) (*Upstream, error) {
	b, err := newBuilder(&cfg)
	if err == nil {
		err = distinct(cfg.Endpoints)
	}
	if err != nil {
		return nil, fmt.Errorf("upstream %s: %w", name, err)
	}
	u := &Upstream{name: name, registry: r, config: cfg, builder: b}
	if next := r.enrol(u); next > 0 {
		u.mu.Lock()
		u.arm(time.Now(), time.Now().Add(max(next, rebuildEvery)))
		u.mu.Unlock()
	}
	return u, nil
}

// enrol gives u its members, its first view and its place in the books. It returns after how long
// slow start wants the next view.
func (r *Registry) enrol(u *Upstream) (next time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.groups[u.name]
	if g == nil {
		g = &group{gate: newGate(r.epoch, r.turned), onStreak: &r.onStreak}
		r.groups[u.name] = g
	}
	u.group = g
	listed, found := g.first(&u.config)
	u.members = r.enlist(u, listed)
	u.members.found = found
	// Built before the lock is given up: a Judge that does not find u yet has spoken before.
	v, next := u.builder.build(u.members, nil, time.Now())
	u.view.Store(v)
	g.live = append(g.live, u)
	g.settle(u)
	return next
}

func distinct(list []EndpointConfig) error {
	seen := make(map[string]bool, len(list))
	for _, c := range list {
		a := c.Address.String()
		if c.Address.IsZero() || seen[a] {
			return fmt.Errorf("lb: address %q is empty or written twice", a)
		}
		seen[a] = true
	}
	return nil
}

// enlist makes the membership that has the places, with a reference to each endpoint. The mutex is
// held.
func (r *Registry) enlist(u *Upstream, places []Place) *membership {
	members := make([]Member, 0, len(places))
	seen := make(map[*Endpoint]bool, len(places))
	for i := range places {
		p := &places[i]
		e := r.endpoint(u, p)
		if seen[e] {
			continue
		}
		seen[e] = true
		e.refs++
		members = append(members, Member{Endpoint: e, Weight: max(p.Weight, 1), Zone: p.Zone, Tier: max(p.Tier, 0)})
	}
	return newMembership(members, u.config.Zone)
}

// endpoint returns the endpoint at p, new if there is none. The mutex is held.
func (r *Registry) endpoint(u *Upstream, p *Place) *Endpoint {
	key := endpointKey{u.name, p.Address.String()}
	e := r.endpoints[key]
	if e == nil {
		r.lastID++
		e = &Endpoint{upstream: u.name, address: key.address, target: p.Address, id: r.lastID, epoch: r.epoch, group: u.group}
		e.standing.Store(firstStanding(time.Now()))
		e.limiter.configure(u.group.maxInFlight)
		r.endpoints[key] = e
		if f := r.orders.Load(); f != nil {
			s, why := (*f)(u.name, key.address, cmp.Or(p.Name, key.address))
			e.judge(ByOperator, verdict{s, why})
		}
	}
	if p.Name != "" && p.Name != e.Name() {
		name := p.Name
		e.name.Store(&name)
	}
	return e
}

// Orders lets f say what the operator's word on an endpoint is when it comes, and why: Draining,
// Maintenance, or Ready and "". No view offers the endpoint before. f is called with a lock held, so
// it must neither block nor call the registry; name is [Endpoint.Name].
func (r *Registry) Orders(f func(upstream, address, name string) (State, string)) { r.orders.Store(&f) }

// OnStreak lets f be told when uses of an endpoint have failed [Config].Streak times in a row in one
// slot of its tally, and again at every multiple. Done calls f, without a lock; f must not block.
func (r *Registry) OnStreak(f func(e *Endpoint, slot int)) { r.onStreak.Store(&f) }

// OnTurn lets f be told that some upstream's breaker has opened, closed or begun a trial, or that an
// upstream came into panic or out of it; what it was is for f's owner to see. f is called on the path
// of a request too, and with locks held: it must neither block nor call the registry.
func (r *Registry) OnTurn(f func()) { r.onTurn.Store(&f) }

func (r *Registry) turned() {
	if f := r.onTurn.Load(); f != nil {
		(*f)()
	}
}

// Retire gives back an upstream whose snapshot nobody reads any more, or that was never published.
// Its view is not rebuilt from here on. A second call does nothing.
func (r *Registry) Retire(u *Upstream) {
	held := u.retire()
	if held == nil {
		return
	}
	r.mu.Lock()
	if u.group.part(u) {
		delete(r.groups, u.name)
	}
	gone := r.release(held)
	r.mu.Unlock()
	r.tell(gone)
}

// replace makes a membership for a live upstream. The upstream's mutex is held.
func (r *Registry) replace(u *Upstream, places []Place) *membership {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.enlist(u, places)
	if m.found = places; places == nil {
		m.found = []Place{} // it was told, and that there is nobody
	}
	return m
}

// giveBack releases memberships that no view offers any more.
func (r *Registry) giveBack(left []*membership) {
	r.mu.Lock()
	gone := r.release(left)
	r.mu.Unlock()
	r.tell(gone)
}

// release gives back the references of memberships and returns the endpoints that went with them.
// The mutex is held.
func (r *Registry) release(held []*membership) (gone []*Endpoint) {
	for _, m := range held {
		for i := range m.members {
			e := m.members[i].Endpoint
			if e.refs--; e.refs == 0 {
				delete(r.endpoints, endpointKey{e.upstream, e.address})
				gone = append(gone, e)
			}
		}
	}
	return gone
}

// tell passes endpoints that have gone to whoever asked. No lock is held.
func (r *Registry) tell(gone []*Endpoint) {
	if r.gone == nil {
		return
	}
	for _, e := range gone {
		r.gone(e)
	}
}

// Judge takes down one judge's word on endpoints, and why, which operators read; why is ignored for
// Ready. The views of every live upstream that has them follow: at once, or within a tenth of a
// second if they were rebuilt less than that ago. Changes made together are seen together, so a
// caller with several passes them in one call. It returns how many endpoints changed their state.
func (r *Registry) Judge(by Judge, s State, why string, endpoints ...*Endpoint) (changed int) {
	if s == Ready {
		why = ""
	}
	touched := make(map[*group]bool)
	for _, e := range endpoints {
		if e.judge(by, verdict{s, why}) {
			changed++
			touched[e.group] = true
		}
	}
	for g := range touched {
		for _, u := range r.upstreams(g) {
			u.refresh()
		}
	}
	return changed
}

func (r *Registry) upstreams(g *group) []*Upstream {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(g.live)
}

// Endpoints returns every endpoint that a live upstream has, by upstream and address. It is what
// metrics and the admin API read at the time of a scrape.
func (r *Registry) Endpoints() []*Endpoint {
	r.mu.Lock()
	list := make([]*Endpoint, 0, len(r.endpoints))
	for _, e := range r.endpoints {
		list = append(list, e)
	}
	r.mu.Unlock()
	slices.SortFunc(list, func(a, b *Endpoint) int {
		return cmp.Or(cmp.Compare(a.upstream, b.upstream), cmp.Compare(a.address, b.address))
	})
	return list
}
