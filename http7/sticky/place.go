package sticky

import (
	"encoding/binary"
	"net/netip"

	"github.com/cespare/xxhash/v2"

	"weir/lb"
)

// placeSize is the length of every place: a kind, an address and a port.
const placeSize = 1 + 16 + 2

// place says in constant length which endpoint is meant: the IP address and port, or a hash of what
// is no IP address, such as the path of a socket. A hash will do: nobody can make a cookie for a
// path of his choice.
type place [placeSize]byte

// The kinds of places.
const (
	placeHash byte = iota
	place4
	place6
)

func placeOf(e *lb.Endpoint) (p place) {
	ip, ok := plainIP(e)
	switch {
	case !ok:
		binary.BigEndian.PutUint64(p[1:], xxhash.Sum64String(e.Address()))
		return p
	case ip.Is4():
		b := ip.As4()
		p[0] = place4
		copy(p[1:], b[:])
	default:
		b := ip.As16()
		p[0] = place6
		copy(p[1:], b[:])
	}
	binary.BigEndian.PutUint16(p[17:], e.Target().Port())
	return p
}

// plainIP returns the IP address of e; ok is false for sockets, names and addresses with a zone.
func plainIP(e *lb.Endpoint) (ip netip.Addr, ok bool) {
	ip = e.Target().IP()
	return ip, ip.IsValid() && ip.Zone() == ""
}

// find returns the endpoint at p, nil if u has none there.
func (p *place) find(u *lb.Upstream) *lb.Endpoint {
	var ip netip.Addr
	switch p[0] {
	case placeHash:
		return p.findHashed(u)
	case place4:
		ip = netip.AddrFrom4([4]byte(p[1:5]))
	case place6:
		ip = netip.AddrFrom16([16]byte(p[1:17]))
	default:
		return nil
	}
	var text [64]byte
	return u.Find(netip.AddrPortFrom(ip, binary.BigEndian.Uint16(p[17:])).AppendTo(text[:0]))
}

// findHashed looks through all members. Those that have no IP address are few.
func (p *place) findHashed(u *lb.Upstream) *lb.Endpoint {
	wanted := binary.BigEndian.Uint64(p[1:])
	members := u.View().Members()
	for i := range members {
		e := members[i].Endpoint
		if _, ip := plainIP(e); !ip && xxhash.Sum64String(e.Address()) == wanted {
			return e
		}
	}
	return nil
}
