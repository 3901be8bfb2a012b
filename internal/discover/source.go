package discover

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

// Source finds the endpoints of one upstream. Its methods are safe for concurrent use.
type Source struct {
	upstream string
	what     string // for people
	log      *slog.Logger
	list     lister
	names    *names
	nudge    chan struct{}
	first    chan struct{}

	mu     sync.Mutex
	status Status
	places []lb.Place
	heard  bool // entries came, or were refused
	wanted []entry
	failed error // of the list
}

// Status is what a source has come to.
type Status struct {
	// What says where it looks, such as "dns orders.internal:8080".
	What string
	// Places is how many endpoints are published.
	Places int
	// Changed is when they last changed; zero before the first answer.
	Changed time.Time
	// Err is why the last lookup failed and Since when it began to; nil while all is well. The endpoints are those of
	// the last good answer then.
	Err   error
	Since time.Time
}

// lister brings the entries that a source is made of: written down, from SRV records, from a file. Consul, etcd and
// Kubernetes will be listers too.
type lister interface {
	// run blocks until ctx ends. It calls offer with each new list and fail with each failure to get one, nil when it
	// has passed; both don't block.
	run(ctx context.Context, offer func([]entry), fail func(error))
}

// entry is one endpoint, or all those behind one name.
type entry struct {
	address conf.Address
	weight  int
	zone    string
	tier    int
}

// written is the lister of what a configuration lists.
type written []entry

func (w written) run(ctx context.Context, offer func([]entry), _ func(error)) {
	offer(w)
	<-ctx.Done()
}

// Needed reports whether a list of endpoints has names that must be looked up.
func Needed(list []lb.EndpointConfig) bool {
	return slices.ContainsFunc(list, func(e lb.EndpointConfig) bool { return e.Address.IsName() })
}

// New returns the source of an upstream: of what c names, or, if c is nil, of the endpoints that are written down, with
// the addresses of those that are names. c has passed Check. Nothing is looked up before Run.
func New(upstream string, c *Config, endpoints []lb.EndpointConfig, log *slog.Logger) *Source {
	s := &Source{upstream: upstream, log: log, nudge: make(chan struct{}, 1), first: make(chan struct{})}
	r, hosts := newResolver(nil), hostsFile
	if c != nil && len(c.Resolver) > 0 {
		var servers []string
		for _, a := range c.Resolver {
			servers = append(servers, a.String())
		}
		r, hosts = newResolver(servers), ""
	}
	s.names = &names{
		make: func(name string) *addresses {
			return &addresses{name: name, resolver: r, hosts: hosts, route: hasRoute}
		},
		changed: s.wake, watches: map[string]*nameWatch{},
	}
	if c != nil {
		s.names.refresh = c.Refresh.Value()
	}
	s.what, s.list = listOf(c, endpoints, r)
	s.status.What = s.what
	return s
}

// listOf returns what a configuration is made of.
func listOf(c *Config, endpoints []lb.EndpointConfig, r *resolver) (what string, l lister) {
	switch {
	case c == nil:
		return "the endpoints' names", written(entries(endpoints))
	case c.SRV != "":
		return "srv " + c.SRV, &srv{name: c.SRV, refresh: c.Refresh.Value(), resolver: r}
	case c.File != "":
		return "file " + c.File, &file{path: c.File}
	}
	a, _ := conf.ParseAddress(c.DNS) // Check has
	return "dns " + c.DNS, written{{address: a, weight: 1}}
}

func entries(list []lb.EndpointConfig) []entry {
	out := make([]entry, len(list))
	for i, e := range list {
		out[i] = entry{address: e.Address, weight: e.Weight, zone: e.Zone}
		if e.Backup {
			out[i].tier = 1
		}
	}
	return out
}

// First returns a channel that is closed once everything has been looked up for the first time, whatever came of it,
// and published.
func (s *Source) First() <-chan struct{} { return s.first }

// Status returns how the source stands.
func (s *Source) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Places returns what was published last. The caller must not change it.
func (s *Source) Places() []lb.Place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.places
}

// Run looks for endpoints until ctx ends, and calls publish with every new list, on one goroutine; the list is the
// caller's. An empty list is never published: what is known last stays. Run is called once.
func (s *Source) Run(ctx context.Context, publish func([]lb.Place)) {
	var lists sync.WaitGroup
	defer s.names.running.Wait()
	defer lists.Wait()
	lists.Go(func() { s.list.run(ctx, s.offer, s.fail) })
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.nudge:
			s.settle(ctx, publish)
		}
	}
}

func (s *Source) offer(list []entry) {
	s.mu.Lock()
	s.wanted, s.heard, s.failed = list, true, nil
	s.mu.Unlock()
	s.wake()
}

func (s *Source) fail(err error) {
	s.mu.Lock()
	s.failed, s.heard = err, true
	s.mu.Unlock()
	s.wake()
}

func (s *Source) wake() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// settle works out what the entries and the names come to now, and publishes it if it is new.
func (s *Source) settle(ctx context.Context, publish func([]lb.Place)) {
	s.mu.Lock()
	wanted, failed, heard, before := s.wanted, s.failed, s.heard, s.places
	s.mu.Unlock()
	s.names.want(ctx, hostsOf(wanted))
	places, all, err := s.resolve(wanted)
	if err == nil {
		err = failed
	}
	if news := len(places) > 0 && !slices.Equal(places, before); news {
		s.mu.Lock()
		s.places = places
		s.status.Places, s.status.Changed = len(places), time.Now()
		s.mu.Unlock()
		s.tell(before, places)
		publish(slices.Clone(places))
	}
	s.note(err)
	if heard && all {
		s.done()
	}
}

func (s *Source) done() {
	select {
	case <-s.first:
	default:
		close(s.first)
	}
}

func hostsOf(list []entry) []string {
	var hosts []string
	for _, e := range list {
		if e.address.IsName() && !slices.Contains(hosts, e.address.Host()) {
			hosts = append(hosts, e.address.Host())
		}
	}
	return hosts
}

// resolve returns the places of the entries: the first of those with the same address. all says that every name has
// been looked up.
func (s *Source) resolve(list []entry) (places []lb.Place, all bool, err error) {
	all = true
	seen := make(map[conf.Address]bool)
	add := func(e *entry, a conf.Address, name string) {
		if !seen[a] {
			seen[a] = true
			places = append(places, lb.Place{Address: a, Name: name, Weight: e.weight, Zone: e.zone, Tier: e.tier})
		}
	}
	for i := range list {
		e := &list[i]
		if !e.address.IsName() {
			add(e, e.address, "")
			continue
		}
		found, looked, failed := s.names.of(e.address.Host())
		all = all && looked
		if failed != nil && err == nil {
			err = failed
		}
		for _, ip := range found {
			a, _ := conf.ParseAddress(netip.AddrPortFrom(ip, e.address.Port()).String()) // an IP address is one
			add(e, a, e.address.String())
		}
	}
	return places, all, err
}

// note keeps and logs a change from working to failing, or to another failure, or back.
func (s *Source) note(err error) {
	s.mu.Lock()
	was, n := s.status.Err, len(s.places)
	s.status.Err = err
	if err != nil && was == nil {
		s.status.Since = time.Now()
	}
	s.mu.Unlock()
	switch {
	case text(err) == text(was):
	case err == nil:
		s.log.Info(fmt.Sprintf("upstream %s: %s is found again", s.upstream, s.what), "upstream", s.upstream)
	case n == 0:
		s.log.Warn(fmt.Sprintf("upstream %s has no endpoint: %v", s.upstream, err), "upstream", s.upstream)
	default:
		s.log.Warn(fmt.Sprintf("upstream %s keeps its %s: %v", s.upstream, endpoints(n), err), "upstream", s.upstream)
	}
}

// tell logs a change of the endpoints.
func (s *Source) tell(before, after []lb.Place) {
	s.log.Info(fmt.Sprintf("upstream %s: %s by %s", s.upstream, endpoints(len(after)), s.what), "upstream", s.upstream,
		"added", difference(after, before), "removed", difference(before, after))
}

// shown is how many addresses a line of the log names.
const shown = 10

// difference returns the addresses that are in a and not in b, as text for a log.
func difference(a, b []lb.Place) string {
	have := make(map[conf.Address]bool, len(b))
	for _, p := range b {
		have[p.Address] = true
	}
	var list []string
	more := 0
	for _, p := range a {
		switch {
		case have[p.Address]:
		case len(list) < shown:
			list = append(list, p.Address.String())
		default:
			more++
		}
	}
	if more > 0 {
		list = append(list, "and "+strconv.Itoa(more)+" more")
	}
	return strings.Join(list, " ")
}

func endpoints(n int) string {
	if n == 1 {
		return "1 endpoint"
	}
	return strconv.Itoa(n) + " endpoints"
}
