package tcp4

import (
	"hash/maphash"
	"net"
	"net/netip"
	"sync"
)

// clientShards keeps accepting goroutines and closing connections off each other's lock.
const clientShards = 32

// clients counts open connections per client address. Its tables are seeded per process, so that
// nobody can aim addresses at one shard.
type clients struct {
	seed   maphash.Seed
	shards [clientShards]clientShard
}

type clientShard struct {
	mu   sync.Mutex
	open map[netip.Addr]int
}

func newClients() *clients {
	c := &clients{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].open = make(map[netip.Addr]int)
	}
	return c
}

func (c *clients) shard(a netip.Addr) *clientShard {
	return &c.shards[maphash.Comparable(c.seed, a)%clientShards]
}

// enter counts one more connection of a and reports whether that is within limit; if it is not,
// nothing is counted.
func (c *clients) enter(a netip.Addr, limit int) bool {
	s := c.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.open[a]
	if n >= limit {
		return false
	}
	s.open[a] = n + 1
	return true
}

// leave takes back what enter counted. An address without connections costs no memory.
func (c *clients) leave(a netip.Addr) {
	s := c.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.open[a]; n > 1 {
		s.open[a] = n - 1
	} else {
		delete(s.open, a)
	}
}

// clientAddr returns the address that a connection is accounted to: IPv4 in its own form, without
// a zone. ok is false where there is none, as on a unix socket.
func clientAddr(conn net.Conn) (a netip.Addr, ok bool) {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	a = tcp.AddrPort().Addr().Unmap().WithZone("")
	return a, a.IsValid()
}
