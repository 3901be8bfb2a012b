package serve

import (
	"github.com/cespare/xxhash/v2"

	"weir/http7/sticky"
	"weir/lb"
)

// placing is what an exchange is placed by. It is worked out once, at the first attempt.
type placing struct {
	made  bool
	key   lb.Key
	visit sticky.Visit
}

func (p *placing) reset() {
	p.made, p.key = false, lb.Key{}
	p.visit.Reset()
}

// key returns what x's attempts are about. It does not allocate.
func (c *conn) key(x *exchange) lb.Key {
	p := &x.placing
	if !p.made {
		p.made = true
		p.key = x.newKey()
	}
	return p.key
}

func (x *exchange) newKey() lb.Key {
	k := lb.Key{Route: uint32(xxhash.Sum64String(x.Route.Name))}
	if on := x.plan.HashOn; on != nil {
		if hash, ok := on.Hash(&x.Exchange); ok { // who lacks what is hashed has no place: lb draws one
			k.Hash = max(hash, 1)
		}
	}
	if s := x.plan.Sticky; s != nil {
		k.Stick = s.Open(&x.placing.visit, &x.Exchange, x.plan.Upstream)
	}
	return k
}

// bound reports whether x's client has an endpoint of its own. Such an exchange is not hedged: the
// other endpoint does not know the client, and its answer would move him there.
func (x *exchange) bound() bool { return x.placing.key.Stick != nil }

// stick binds the client to the endpoint whose answer is kept, if the upstream is sticky. It edits the
// answer's head, after the response policies have seen it.
func (x *exchange) stick() {
	if x.plan == nil || x.plan.Sticky == nil || !x.placing.made || !x.lease.Ok() {
		return
	}
	x.plan.Sticky.Keep(&x.placing.visit, &x.Exchange, x.lease.Endpoint(), &x.tried)
}
