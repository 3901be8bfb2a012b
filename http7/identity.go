package http7

import "math/bits"

// Identity is what a credential says of who sends a request. Its texts are valid until the hall releases the exchange.
type Identity struct {
	// Scheme is how it was established: "api_key", "basic", "jwt", "introspect", "forward_auth", "client_cert", "oidc".
	Scheme string
	// Consumer is the name that limits, logs and conditions know; "" leaves the one that is there.
	Consumer string
	// Groups and Scopes are what authorise asks for as group: and scope:.
	Groups, Scopes []string
}

// Establish notes that x comes from id: what it says is added to what other policies have established. Policies of stage
// identify call it before they continue; x.Claims they append to themselves. It allocates nothing in steady state.
func (x *Exchange) Establish(id Identity) {
	x.identities++
	x.Scheme = id.Scheme
	if id.Consumer != "" {
		x.Consumer = id.Consumer
	}
	x.Groups = append(x.Groups, id.Groups...)
	x.Scopes = append(x.Scopes, id.Scopes...)
}

// Identified reports whether anybody has established who x comes from.
func (x *Exchange) Identified() bool { return x.identities > 0 }

// forgetIdentity empties what Establish has filled.
func (x *Exchange) forgetIdentity() {
	x.identities, x.Scheme, x.Consumer = 0, "", ""
	clear(x.Groups)
	clear(x.Scopes)
	clear(x.Claims)
	x.Groups, x.Scopes, x.Claims, x.met = x.Groups[:0], x.Scopes[:0], x.Claims[:0], x.met[:0]
}

// Requirement says how many of the policies of a bundle that establish identities must have done so.
type Requirement uint8

// The requirements.
const (
	RequireAny  Requirement = iota // the first credential that is there decides
	RequireAll                     // each of them
	RequireNone                    // an identity is welcome, and not needed
)

// Ways are the policies of one bundle that establish identities. Gateways make it at compile time; exchanges share it.
type Ways struct {
	Require Requirement
	// Absent refuses requests that lack what is required: 401, naming every scheme of the bundle in WWW-Authenticate.
	Absent *Fault

	count int
}

// met is which of ways an exchange has taken: a bit for each.
type met struct {
	ways  *Ways
	taken uint64
}

// Wrap makes p, a policy of stage identify, one of w: if any of them is enough and one has established an identity, p is
// not asked. A refusal of p stands whatever the others say. p must not ask to be resumed. There are at most 64 ways.
func (w *Ways) Wrap(p Policy) Policy {
	w.count++
	return &way{of: w, bit: 1 << (w.count - 1), policy: p}
}

// Required returns the policy that refuses what lacks an identity; it runs behind those that establish one. nil if none
// is required.
func (w *Ways) Required() Policy {
	if w.Require == RequireNone || w.count == 0 {
		return nil
	}
	return required{w}
}

type way struct {
	of     *Ways
	bit    uint64
	policy Policy
}

// Request implements [Policy].
func (p *way) Request(x *Exchange) Verdict {
	if p.of.Require != RequireAll && x.taken(p.of) != 0 {
		return Continue
	}
	before := x.identities
	v := p.policy.Request(x)
	if v.Act == Go && x.identities != before {
		x.take(p.of, p.bit)
	}
	return v
}

type required struct{ ways *Ways }

// Request implements [Policy].
func (r required) Request(x *Exchange) Verdict {
	need := 1
	if r.ways.Require == RequireAll {
		need = r.ways.count
	}
	if bits.OnesCount64(x.taken(r.ways)) < need {
		return Refuse(r.ways.Absent)
	}
	return Continue
}

// taken returns which of w x has taken.
func (x *Exchange) taken(w *Ways) uint64 {
	for i := range x.met {
		if x.met[i].ways == w {
			return x.met[i].taken
		}
	}
	return 0
}

// take notes one of w. The same one may come twice: a bundle that a listener names, and a route that opts out of it there.
func (x *Exchange) take(w *Ways, bit uint64) {
	for i := range x.met {
		if x.met[i].ways == w {
			x.met[i].taken |= bit
			return
		}
	}
	x.met = append(x.met, met{w, bit})
}
