// Package clientcert is the policy that finds out who sends a request by the certificate that the client has shown in
// the TLS handshake, and tells endpoints what stands in it.
//
// gateway compiles it; the hall runs its steps. Whether a certificate is to be believed the listener has decided
// before; this package names whose it is.
package clientcert

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/policy"
	"weir/internal/conf"
)

// Compile returns the steps of c for a bundle: one at stage identify, and, if there is something to forward, one at
// stage rewrite; none if it is off. Observed it is the first alone. needs may be nil.
func Compile(c *Config, bundle string, _ *policy.Needs) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	name := bundle + ".client_cert"
	problems := conf.NewProblems()
	if c.Check(problems); problems.Failed() {
		return nil, fmt.Errorf("%s: %s: %s", name, problems.List()[0].Path, problems.List()[0].Text)
	}
	p := &policyOf{consumer: c.Consumer, groups: c.Groups}
	for _, claim := range c.Claims {
		p.claims = append(p.claims, factOf(claim))
	}
	p.unnamed = &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "client_cert_unnamed", Status: 403, GRPC: 7, ProxyStatus: "http_request_denied",
		Title: "Forbidden", Detail: "The client's certificate does not say who it is.",
	}
	p.why = errors.New("the certificate has no " + c.Consumer)
	steps := []http7.Step{{Name: name, Stage: http7.Identify, Request: p, Establishes: true}}
	if c.Mode == conf.Observe {
		steps[0].Mode = http7.Observe
	} else if len(c.Forward) > 0 {
		steps = append(steps, rewrite(c, name))
	}
	return steps, nil
}

// policyOf is the compiled form of a Config. It never changes.
type policyOf struct {
	consumer, groups string
	claims           []fact
	unnamed          *http7.Fault
	why              error
}

// Request implements [http7.Policy]. It allocates nothing.
func (p *policyOf) Request(x *http7.Exchange) http7.Verdict {
	if !shown(x) {
		return http7.Continue
	}
	id := http7.Identity{Scheme: "client_cert", Consumer: p.name(x)}
	if !sayable(id.Consumer) {
		x.Cause = p.why
		return http7.Refuse(p.unnamed)
	}
	switch p.groups {
	case "subject.ou":
		id.Groups = x.Conn.ClientCert.Subject.OrganizationalUnit
	case "subject.o":
		id.Groups = x.Conn.ClientCert.Subject.Organization
	}
	x.Establish(id)
	for i := range p.claims {
		f := &p.claims[i]
		for n := 0; ; n++ {
			value := f.at(x, n)
			if value == nil {
				break
			}
			x.Claims = append(x.Claims, http7.Claim{Name: f.word, Value: value})
		}
	}
	return http7.Continue
}

// shown reports whether the client has shown a certificate that is believed.
func shown(x *http7.Exchange) bool {
	return x.Conn != nil && x.Conn.ClientCert != nil && x.Conn.ClientNames != nil
}

// name returns the certificate's name for the consumer, "" if it has none.
func (p *policyOf) name(x *http7.Exchange) string {
	n := x.Conn.ClientNames
	switch p.consumer {
	case "subject.cn":
		return n.CommonName
	case "subject":
		return n.Subject
	case "fingerprint":
		return n.Fingerprint
	case "san.dns":
		return nameAt(n.AltNames, "DNS:", 0)
	case "san.email":
		return nameAt(n.AltNames, "email:", 0)
	case "san.uri":
		return nameAt(n.AltNames, "URI:", 0)
	}
	return nameAt(n.AltNames, "IP:", 0)
}

// sayable reports whether a name can stand in a field and on a line of a log.
func sayable(name string) bool {
	for i := range len(name) {
		if hidden(name, i) {
			return false
		}
	}
	return name != ""
}

// rewriter tells the endpoint of the certificate. It never changes.
type rewriter struct{ told []told }

// told is a field and what it tells.
type told struct {
	field http7.Name
	fact  fact
}

func rewrite(c *Config, name string) http7.Step {
	s := http7.Step{Name: name + ".forward", Stage: http7.Rewrite}
	r := &rewriter{}
	for _, field := range slices.Sorted(maps.Keys(c.Forward)) {
		n, _ := http7.NewName(field)
		r.told = append(r.told, told{n, factOf(c.Forward[field])})
		s.Sets = append(s.Sets, field)
		s.Edits = append(s.Edits, http7.Edit{Name: strings.ToLower(field)})
	}
	s.Request = r
	return s
}

// Request implements [http7.Policy]. Several values of a name stand in one field with commas between; a comma in an
// alternative name is written "%2C".
func (r *rewriter) Request(x *http7.Exchange) http7.Verdict {
	if !shown(x) { // what clients write there has gone before (Step.Sets), and another policy may have told who it is
		return http7.Continue
	}
	for i := range r.told {
		t := &r.told[i]
		x.Request.Del(t.field)
		if value := t.fact.join(x); len(value) > 0 {
			x.Request.Set(t.field, value)
		}
	}
	return http7.Continue
}

// join returns the values of f in x's room, with a comma between any two; nil for none.
func (f *fact) join(x *http7.Exchange) []byte {
	joined := f.at(x, 0)
	for i := 1; joined != nil; i++ {
		value := f.at(x, i)
		if value == nil {
			break
		}
		joined = append(append(append(x.Room(len(joined)+1+len(value)), joined...), ','), value...)
	}
	return joined
}
