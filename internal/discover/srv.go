package discover

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"weir/internal/conf"
)

// srv lists the targets of an SRV record (RFC 2782).
type srv struct {
	name     string
	refresh  time.Duration
	resolver *resolver
}

func (s *srv) run(ctx context.Context, offer func([]entry), fail func(error)) {
	var last []entry
	failed := ""
	repeat(ctx, pace{refresh: s.refresh}, func() (time.Duration, error) {
		records, ttl, err := s.resolver.lookup(ctx, s.name, dns.TypeSRV)
		var list []entry
		if err == nil {
			list, err = targets(records)
		}
		switch {
		case ctx.Err() != nil:
		case err != nil:
			if text(err) != failed {
				fail(err)
			}
		case failed != "" || !slices.Equal(list, last):
			last = list
			offer(list)
		}
		failed = text(err)
		return ttl, err
	})
}

// maxWeight is the largest weight of an endpoint.
const maxWeight = 1000

// targets returns the entries of SRV records: a tier for each priority, weights scaled to what lb takes. A weight of 0,
// which asks for next to nothing, is the least one. Targets that are none are left out, unless all are.
func targets(records []dns.RR) ([]entry, error) {
	var list []*dns.SRV
	heaviest := uint16(1)
	for _, rr := range records {
		if r, ok := rr.(*dns.SRV); ok && r.Target != "." { // the root: the service is decidedly not there
			list = append(list, r)
			heaviest = max(heaviest, r.Weight)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("the record says that there is no such service")
	}
	slices.SortFunc(list, func(a, b *dns.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), strings.Compare(a.Target, b.Target), cmp.Compare(a.Port, b.Port))
	})
	var out []entry
	var bad error
	tier, last := 0, uint16(0)
	for _, r := range list {
		host := strings.TrimSuffix(r.Target, ".")
		a, err := conf.ParseAddress(net.JoinHostPort(host, strconv.Itoa(int(r.Port))))
		if err != nil || r.Port == 0 || !isName(host) {
			bad = errors.New("the target " + strconv.Quote(r.Target) + " port " + strconv.Itoa(int(r.Port)) + " can't be connected to")
			continue // the others can
		}
		if len(out) > 0 && r.Priority != last {
			tier++
		}
		last = r.Priority
		weight := int(r.Weight)
		if heaviest > maxWeight {
			weight = weight * maxWeight / int(heaviest)
		}
		out = append(out, entry{address: a, weight: max(1, weight), tier: tier})
	}
	if len(out) == 0 {
		return nil, bad
	}
	return out, nil
}
