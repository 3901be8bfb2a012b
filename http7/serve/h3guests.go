package serve

import (
	"net/netip"
	"sync"
)

// guests counts the connections of a UDP port, by client. Its methods may be called concurrently.
type guests struct {
	mu      sync.Mutex
	all     int                // guarded by mu
	shaking int                // likewise
	open    map[netip.Addr]int // likewise
	hands   map[netip.Addr]int // likewise: handshakes
}

// Half-open handshakes: from busyFrom on, clients must first show that they are where they say (RFC 9000 §8.1.2),
// which costs them one round trip and us no memory. The most is what those that have done so may hold.
const (
	busyFrom       = 64
	mostHandshakes = 4096
)

// busy reports whether handshakes pile up.
func (g *guests) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shaking >= busyFrom
}

// enter counts a connection that begins its handshake, or says why it may not.
func (g *guests) enter(client netip.Addr, h *H3Host) (why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	group := block(client)
	switch {
	case h.MaxConnections > 0 && g.all >= h.MaxConnections:
		return "max_connections"
	case h.MaxPerClient > 0 && g.open[client] >= h.MaxPerClient:
		return "max_connections_per_client"
	case h.Handshakes > 0 && g.hands[group] >= h.Handshakes, g.shaking >= mostHandshakes:
		return handshakeFlood
	}
	if g.open == nil {
		g.open, g.hands = map[netip.Addr]int{}, map[netip.Addr]int{}
	}
	g.all++
	g.shaking++
	g.open[client]++
	g.hands[group]++
	return ""
}

// shaken counts the end of a handshake.
func (g *guests) shaken(client netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shaking--
	drop(g.hands, block(client))
}

// leave counts the end of a connection.
func (g *guests) leave(client netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	drop(g.open, client)
}

func drop(counts map[netip.Addr]int, a netip.Addr) {
	if counts[a]--; counts[a] == 0 {
		delete(counts, a)
	}
}

// block returns the address that handshakes are accounted to: of IPv6 the /64, which is one customer's.
func block(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil { // a has a zone; it has none
		return a
	}
	return p.Addr()
}
