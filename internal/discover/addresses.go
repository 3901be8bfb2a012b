package discover

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// addresses looks up both families of one name, and keeps the last good answer of each.
type addresses struct {
	name     string
	resolver *resolver
	hosts    string                // a hosts file that goes first; "": none
	route    func(netip.Addr) bool // whether there is a way to an address

	families [2]family
}

type family struct {
	last []netip.Addr
	ttl  time.Duration
	err  error
}

// hostsTTL is how long what a hosts file says holds.
const hostsTTL = 5 * time.Second

// look returns the addresses of the name, sorted, and how long the answer holds. With an error they are those of the
// last good answers; there may be an error and new addresses, if one family could be looked up and the other not.
func (a *addresses) look(ctx context.Context) ([]netip.Addr, time.Duration, error) {
	if a.hosts != "" {
		if found := fromHosts(a.hosts, a.name); len(found) > 0 {
			return sorted(found), hostsTTL, nil
		}
	}
	kinds := [2]uint16{dns.TypeA, dns.TypeAAAA}
	var both sync.WaitGroup
	for i := range a.families {
		both.Go(func() { a.families[i].look(ctx, a.resolver, a.name, kinds[i]) })
	}
	both.Wait()
	return a.join()
}

// look asks for one family. It leaves last alone if that fails.
func (f *family) look(ctx context.Context, r *resolver, name string, kind uint16) {
	records, ttl, err := r.lookup(ctx, name, kind)
	f.ttl, f.err = ttl, err
	if err != nil {
		return
	}
	f.last = f.last[:0]
	for _, rr := range records {
		var ip netip.Addr
		switch rr := rr.(type) {
		case *dns.A:
			ip, _ = netip.AddrFromSlice(rr.A)
		case *dns.AAAA:
			ip, _ = netip.AddrFromSlice(rr.AAAA)
		}
		if ip = ip.Unmap(); ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() {
			f.last = append(f.last, ip)
		}
	}
}

// join puts the families together. That a name has no address of one family is no error if it has some of the other,
// and takes the addresses of that family away.
func (a *addresses) join() ([]netip.Addr, time.Duration, error) {
	four, six := &a.families[0], &a.families[1]
	var found []netip.Addr
	var ttl time.Duration
	var err error
	for i, f := range []*family{four, six} {
		other := a.families[1-i]
		switch {
		case f.err == nil && (ttl == 0 || f.ttl < ttl):
			ttl = f.ttl
		case f.err != nil && absent(f.err) && other.err == nil:
			f.last = f.last[:0]
		case f.err != nil && (err == nil || absent(err) && !absent(f.err)):
			err = f.err
		}
		found = append(found, f.last...)
	}
	if err == nil && len(found) == 0 {
		err = errNoRecord
	}
	return a.reachable(sorted(found)), ttl, err
}

func absent(err error) bool { return errors.Is(err, errNoName) || errors.Is(err, errNoRecord) }

// reachable leaves out what there is no way to, unless nothing would be left.
func (a *addresses) reachable(all []netip.Addr) []netip.Addr {
	if a.route == nil {
		return all
	}
	var some []netip.Addr
	for _, ip := range all {
		if a.route(ip) {
			some = append(some, ip)
		}
	}
	if len(some) == 0 {
		return all
	}
	return some
}

// hasRoute asks the kernel for a way to ip; nothing is sent.
func hasRoute(ip netip.Addr) bool {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 9)))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// sorted returns the addresses in order, each once.
func sorted(list []netip.Addr) []netip.Addr {
	list = slices.Clone(list)
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}
