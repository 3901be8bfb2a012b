package selector

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"weir/http7"
	"weir/internal/conf"
)

// ByKey takes the key of a limit out of exchanges. It never changes and is safe for concurrent use.
type ByKey struct {
	selection *Selection
	// reads are the selectors that a log may lack.
	reads []string
	// bits is how much of an IPv6 address counts.
	bits int
	// room is how many bytes most keys have at most.
	room int
	// plain says that every part is quickly had: the client, the consumer or the route.
	plain bool
}

// NewByKey compiles list, or "client" in place of an empty one. Of a client's IPv6 address the first ipv6 bits count: a
// subscriber has a whole block of them (RFC 6177), and would otherwise have as many keys. It fails as [New] does.
func NewByKey(list conf.Selectors, ipv6 int) (*ByKey, error) {
	if len(list) == 0 {
		var client conf.Selector
		if err := client.UnmarshalText([]byte("client")); err != nil {
			return nil, err
		}
		list = conf.Selectors{client}
	}
	s, err := New(list)
	if err != nil {
		return nil, err
	}
	s.bare = true
	k := &ByKey{selection: s, bits: ipv6, room: 64 * len(list), plain: true}
	for _, l := range list {
		switch l.Part() {
		case conf.PartClient, conf.PartConsumer, conf.PartRoute:
			continue
		case conf.PartHeader, conf.PartCookie:
			k.reads = append(k.reads, strings.ToLower(l.Part().String()+":"+l.Name()))
		case conf.PartClaim:
			k.reads = append(k.reads, l.String())
		}
		k.plain = false
	}
	return k, nil
}

// Reads returns the selectors that the key depends on, besides what stands on every line of an access log, as
// [http7.Step.Reads] has them.
func (k *ByKey) Reads() []string { return k.reads }

// Lacks reports whether x comes from a log that lacks part of the key, and notes which.
func (k *ByKey) Lacks(x *http7.Exchange) bool {
	if x.Recorded == nil {
		return false
	}
	lacks := false
	for _, r := range k.reads {
		lacks = x.Lacks(r) || lacks
	}
	return lacks
}

// Of returns x's key, in which no two different requests look alike; those that lack a part have one in common. Of hosts
// it has what routes are found by: who asks chooses the port in Host, and the final dot. It is valid until the hall releases x.
func (k *ByKey) Of(x *http7.Exchange) []byte {
	key := x.Room(k.room)
	if k.plain {
		for i := range k.selection.parts {
			key = k.appendPlain(key, k.selection.parts[i].kind, x)
		}
		return key
	}
	if x.Client.Is6() {
		whole := x.Client
		x.Client = block(whole, k.bits)
		key = k.selection.Append(key, x)
		x.Client = whole
		return key
	}
	return k.selection.Append(key, x)
}

// appendPlain appends what a writer keeps of a part that is quickly had.
func (k *ByKey) appendPlain(key []byte, part conf.Part, x *http7.Exchange) []byte {
	at := len(key)
	switch part {
	case conf.PartClient:
		key = appendAddress(key, x.Client, k.bits)
	case conf.PartConsumer:
		key = append(key, x.Consumer...)
	case conf.PartRoute:
		if x.Route != nil {
			key = append(key, x.Route.Name...)
		}
	}
	n := len(key) - at
	if n == 0 {
		return binary.LittleEndian.AppendUint32(key, 0)
	}
	return binary.LittleEndian.AppendUint64(key, 1<<32|uint64(n)) // the value's length, and that there is one
}

// appendAddress appends an address as a writer does: IPv4 in its own form, without a zone; of IPv6 some bits alone.
func appendAddress(key []byte, a netip.Addr, bits int) []byte {
	switch {
	case a.Is4():
		b := a.As4()
		return append(key, b[:]...)
	case !a.IsValid():
		return key
	}
	b := a.As16()
	if a.Is4In6() {
		return append(key, b[12:]...)
	}
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(key, high&masked64(bits)), low&masked64(bits-64))
}

// masked64 is a mask of the first bits of 64.
func masked64(bits int) uint64 { return ^(^uint64(0) >> min(64, max(0, bits))) }

// block returns the first address of a's block.
func block(a netip.Addr, bits int) netip.Addr {
	p, err := a.WithZone("").Prefix(bits)
	if err != nil || a.Is4In6() {
		return a
	}
	return p.Addr()
}

// CheckKey notes what is wrong with the list at key: a selector that is there twice.
func CheckKey(p *conf.Problems, key string, list conf.Selectors) {
	for i, s := range list {
		for _, other := range list[:i] {
			if s == other {
				p.Index(key, i).Add("", `"`+s.String()+`" is written twice`, "leave one of them out")
			}
		}
	}
}
