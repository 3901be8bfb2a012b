package lb

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"weir/internal/conf"
)

// Registry owns the endpoints of all upstreams across reloads. All methods are safe for
// concurrent use; none is for the path of a request.
type Registry struct {
	epoch time.Time
	gone  func(*Endpoint)

	mu        sync.Mutex
	endpoints map[endpointKey]*Endpoint
	live      map[string][]*Upstream // by name; more than one while an old snapshot lives
	lastID    uint32
}

type endpointKey struct{ upstream, address string }

// NewRegistry returns an empty registry. gone, which may be nil, is called once for each endpoint
// that no upstream uses any more, so that its pools can close; leases on it may still be open. It
// runs on the goroutine that called Retire, without a lock.
func NewRegistry(gone func(*Endpoint)) *Registry {
	return &Registry{
		epoch:     time.Now(),
		gone:      gone,
		endpoints: make(map[endpointKey]*Endpoint),
		live:      make(map[string][]*Upstream),
	}
}

// Adopt makes the upstream name of a new snapshot. Endpoints that a live upstream of that name has
// at the same address are taken over with all their state; others are new and Unknown. It fails on
// an unknown balancer or an empty or repeated address, which Check finds first.
//
// The caller gives the upstream back with Retire, whether its snapshot was published or not.
func (r *Registry) Adopt(name string, cfg Config) (*Upstream, error) {
	newPicker, err := newBalancer(cfg.Balance)
	if err != nil {
		return nil, fmt.Errorf("upstream %s: %w", name, err)
	}
	if err := distinct(cfg.Endpoints); err != nil {
		return nil, fmt.Errorf("upstream %s: %w", name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	members := make([]Member, len(cfg.Endpoints))
	for i, c := range cfg.Endpoints {
		members[i] = Member{Endpoint: r.adoptEndpoint(name, c.Address), Weight: max(c.Weight, 1)}
	}
	u := newUpstream(name, members, newPicker)
	r.live[name] = append(r.live[name], u)
	return u, nil
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

// adoptEndpoint returns the endpoint at a, with one reference more. The mutex is held.
func (r *Registry) adoptEndpoint(upstream string, a conf.Address) *Endpoint {
	key := endpointKey{upstream, a.String()}
	e := r.endpoints[key]
	if e == nil {
		r.lastID++
		e = &Endpoint{upstream: upstream, address: key.address, target: a, id: r.lastID, epoch: r.epoch}
		e.since.Store(time.Now().UnixNano())
		r.endpoints[key] = e
	}
	e.refs++
	return e
}

// Retire gives back an upstream whose snapshot nobody reads any more, or that was never published.
// Its view is not rebuilt from here on. A second call does nothing.
func (r *Registry) Retire(u *Upstream) {
	if !u.retire() {
		return
	}
	for _, e := range r.release(u) {
		if r.gone != nil {
			r.gone(e)
		}
	}
}

// release takes u out of the books and returns the endpoints that went with it.
func (r *Registry) release(u *Upstream) (gone []*Endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := slices.DeleteFunc(r.live[u.name], func(v *Upstream) bool { return v == u })
	if r.live[u.name] = rest; len(rest) == 0 {
		delete(r.live, u.name)
	}
	for _, m := range u.members {
		e := m.Endpoint
		if e.refs--; e.refs == 0 {
			delete(r.endpoints, endpointKey{e.upstream, e.address})
			gone = append(gone, e)
		}
	}
	return gone
}

// SetState moves endpoints to a state and lets the views of every live upstream that has them
// follow: at once, or within a tenth of a second if they were rebuilt less than that ago. Changes
// made together are seen together, so a caller with several passes them in one call.
// It returns how many endpoints were in another state before.
func (r *Registry) SetState(s State, endpoints ...*Endpoint) int {
	changed := 0
	touched := make(map[string]bool)
	for _, e := range endpoints {
		if e.setState(s) {
			changed++
			touched[e.upstream] = true
		}
	}
	for name := range touched {
		for _, u := range r.upstreams(name) {
			u.refresh()
		}
	}
	return changed
}

func (r *Registry) upstreams(name string) []*Upstream {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.live[name])
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
