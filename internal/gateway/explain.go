package gateway

import (
	"net/netip"
	"slices"
	"strings"

	"weir/http7/forward"
	"weir/http7/serve"
	"weir/internal/config"
	"weir/internal/explain"
)

// examiner asks what would become of requests under one config, by the code that serves, and consumes
// nothing. It is safe for concurrent use.
type examiner struct {
	*Compiled
	shared *serve.Shared
}

// Explain says what would become of a request under the config that serves. The error says what is wrong
// with the question.
func (g *Gateway) Explain(q explain.Question) (*explain.Report, error) {
	now := g.current.Load()
	var doors []explain.Door
	for _, o := range now.listeners {
		if o.kind != config.KindHTTP {
			continue
		}
		d := explain.Door{Listener: o.name, TLS: o.store != nil}
		if l := o.sockets.Load(); l != nil {
			for _, a := range l.Addrs() {
				if p, err := netip.ParseAddrPort(a.String()); err == nil { // no port on a unix socket
					d.Ports = append(d.Ports, p.Port())
				}
			}
		}
		doors = append(doors, d)
	}
	return examiner{now.Compiled, g.shared}.explain(&q, doors)
}

func (e examiner) explain(q *explain.Question, doors []explain.Door) (*explain.Report, error) {
	door, err := q.Choose(doors)
	if err != nil {
		return nil, err
	}
	sent, err := q.Send()
	if err != nil {
		return nil, err
	}
	asked := serve.Question{Head: sent.Head, Body: sent.Body, Peer: sent.Peer, TLS: door.TLS}
	if door.TLS {
		asked.SNI = sent.SNI
	}
	r := e.shared.Explain(e.sites[door.Listener], &asked)
	e.annotate(r)
	if slices.ContainsFunc(r.Policies, certified) {
		r.Notes = append(r.Notes, "a client's certificate can't be told here: client_cert is asked as of a client that shows none")
	}
	if upstream, passed := e.Config.Listeners[door.Listener].Passes(asked.SNI, "h2", "http/1.1"); passed {
		r.Notes = append(r.Notes, "a real client meets nothing of this: the listener's passthrough relays its connection for this host to "+upstream+" as it is")
	}
	return r, nil
}

// certified reports whether a policy has been asked that looks at the client's certificate.
func certified(p explain.Policy) bool {
	return strings.HasSuffix(p.Name, ".client_cert") && p.Verdict != explain.OptedOut && p.Verdict != explain.NotReached
}

// endpointProtocol is what the endpoints of an upstream are spoken to in.
func endpointProtocol(u *config.Upstream) string {
	if u.Protocol == forward.ProtocolAuto && u.TLS == nil {
		return forward.ProtocolH1
	}
	return u.Protocol
}

// annotate adds what the hall does not know: places in the config, and what its keys said.
func (e examiner) annotate(r *explain.Report) {
	ids := make(map[string]int, len(e.Config.Routes))
	for id, route := range e.Config.Routes {
		ids[route.Name] = id
	}
	for i := range r.Candidates {
		if id, known := ids[r.Candidates[i].Route]; known {
			r.Candidates[i].Where = e.where[id]
		}
	}
	if r.Route == nil {
		return
	}
	id, known := ids[r.Route.Name]
	if !known {
		return
	}
	r.Route.Where = e.where[id]
	route := e.Config.Routes[id]
	if m := route.Mirror; m != nil && (r.Action == explain.Forwarded || r.Action == explain.Divided) {
		r.Mirror = &explain.Mirror{Upstream: m.Upstream, Sample: m.Sample.Value(), Compare: m.Compare}
	}
	for i := range r.Upstreams {
		if u := e.Config.Upstreams[r.Upstreams[i].Name]; u != nil && r.Upstreams[i].Request != nil {
			out := r.Upstreams[i].Request
			out.Protocol, out.TLS = endpointProtocol(u), u.TLS != nil
		}
	}
}
