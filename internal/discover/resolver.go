package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// patience bounds one question to one server; each server is asked rounds times before a lookup fails.
	patience = time.Second
	rounds   = 2
	// maxAnswer is the size of an answer by UDP that is asked for (the DNS flag day's figure: no fragments).
	maxAnswer = 1232
	// maxAliases bounds a chain of CNAME records.
	maxAliases = 16
	// maxRecords bounds what one answer may bring.
	maxRecords = 10_000
)

// errNoName and errNoRecord are answers, not failures to get one.
var (
	errNoName   = errors.New("no such name (NXDOMAIN)")
	errNoRecord = errors.New("the name has no such record")
)

// resolver asks DNS servers. It keeps nothing, so it is safe for concurrent use.
type resolver struct {
	servers []string
	config  func() (*dns.ClientConfig, error) // where servers is empty
}

// newResolver asks the given servers, or, without any, those of /etc/resolv.conf as it is at the time of each lookup.
func newResolver(servers []string) *resolver {
	return &resolver{servers: servers, config: func() (*dns.ClientConfig, error) {
		return dns.ClientConfigFromFile("/etc/resolv.conf")
	}}
}

// lookup asks for the records of a name. It follows aliases within the answer and returns what they lead to, at least
// one record, and how long the answer holds. Without servers of its own it goes through the search list.
func (r *resolver) lookup(ctx context.Context, name string, kind uint16) ([]dns.RR, time.Duration, error) {
	servers, names, err := r.plan(name)
	if err != nil {
		return nil, 0, err
	}
	var first error
	for _, full := range names {
		m, err := ask(ctx, servers, full, kind)
		if err == nil {
			var records []dns.RR
			var ttl time.Duration
			if records, ttl, err = follow(m, full, kind); err == nil {
				return records, ttl, nil
			}
		}
		if first == nil || errors.Is(first, errNoName) && errors.Is(err, errNoRecord) {
			first = err
		}
		if !errors.Is(err, errNoName) && !errors.Is(err, errNoRecord) {
			break // the rest of the list would mean another name
		}
	}
	return nil, 0, fmt.Errorf("%s %s: %w", dns.TypeToString[kind], name, first)
}

// plan returns the servers to ask and the full names to ask for, in order.
func (r *resolver) plan(name string) (servers, names []string, err error) {
	if len(r.servers) > 0 {
		return r.servers, []string{dns.Fqdn(name)}, nil
	}
	c, err := r.config()
	if err != nil {
		return nil, nil, fmt.Errorf("no DNS server is known: %w", err)
	}
	for _, s := range c.Servers {
		servers = append(servers, net.JoinHostPort(s, c.Port))
	}
	if len(servers) == 0 {
		return nil, nil, errors.New("no DNS server is known: /etc/resolv.conf names none")
	}
	return servers, c.NameList(name), nil
}

// ask puts one question to the servers in turn until one answers it, with records or with their absence.
func ask(ctx context.Context, servers []string, name string, kind uint16) (*dns.Msg, error) {
	q := new(dns.Msg)
	q.SetQuestion(name, kind)
	q.SetEdns0(maxAnswer, false)
	var last error
	for range rounds {
		for _, server := range servers {
			m, err := put(ctx, q, server)
			if err == nil {
				return m, nil
			}
			if errors.Is(err, errNoName) || ctx.Err() != nil {
				return nil, err
			}
			last = fmt.Errorf("%s: %w", server, err)
		}
	}
	return nil, last
}

// put asks one server, by TCP if its answer by UDP was cut.
func put(ctx context.Context, q *dns.Msg, server string) (*dns.Msg, error) {
	for _, network := range []string{"udp", "tcp"} {
		ctx, cancel := context.WithTimeout(ctx, patience)
		client := dns.Client{Net: network, Timeout: patience, UDPSize: maxAnswer}
		m, _, err := client.ExchangeContext(ctx, q, server)
		cancel()
		switch {
		case err != nil:
			return nil, err
		case !m.Response || len(m.Question) != 1 || m.Question[0].Qtype != q.Question[0].Qtype ||
			!strings.EqualFold(m.Question[0].Name, q.Question[0].Name):
			return nil, errors.New("it answered another question")
		case m.Truncated:
			continue
		case m.Rcode == dns.RcodeNameError:
			return nil, errNoName
		case m.Rcode != dns.RcodeSuccess:
			return nil, fmt.Errorf("it answered %s", dns.RcodeToString[m.Rcode])
		}
		return m, nil
	}
	return nil, errors.New("its answer is cut, by TCP too")
}

// follow returns the records that name leads to in m, aliases resolved, and the shortest time to live on the way.
func follow(m *dns.Msg, name string, kind uint16) ([]dns.RR, time.Duration, error) {
	ttl := uint32(1 << 31)
	for range maxAliases {
		var found []dns.RR
		alias := ""
		for _, rr := range m.Answer {
			h := rr.Header()
			if !strings.EqualFold(h.Name, name) || h.Class != dns.ClassINET {
				continue
			}
			if cname, ok := rr.(*dns.CNAME); ok && kind != dns.TypeCNAME {
				alias, ttl = cname.Target, min(ttl, h.Ttl)
			} else if h.Rrtype == kind && len(found) < maxRecords {
				found, ttl = append(found, rr), min(ttl, h.Ttl)
			}
		}
		if len(found) > 0 {
			return found, time.Duration(ttl) * time.Second, nil
		}
		if alias == "" {
			return nil, 0, errNoRecord
		}
		name = alias
	}
	return nil, 0, errors.New("its aliases lead in a circle")
}
