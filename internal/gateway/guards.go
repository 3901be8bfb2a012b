package gateway

import (
	"net"
	"time"

	"weir/http7"
	"weir/internal/config"
	"weir/internal/hello"
	"weir/internal/obs"
	"weir/tcp4"
)

// sessionGuards returns the steps of a listener that judge clients by their address: those of its sessions, and of
// connections that it passes through.
func (k *compiler) sessionGuards(l *config.Listener) (steps []http7.Step) {
	for _, b := range k.named(l.Policies) {
		for _, s := range b.steps {
			if s.Name == b.name+".ip_filter" || s.Name == b.name+".geo" {
				steps = append(steps, s)
			}
		}
	}
	return steps
}

// openGuards gives an offer what judges its clients by their address.
func (g *Gateway) openGuards(o *offer, next *generation) {
	o.guards, o.refusals = next.guards[o.name], g.catalogue.Policies()
	if !next.Config.AuditLog.Off() {
		o.audit = g.audit
	}
}

// passed is guarded for connections that are relayed as they are: of an http listener nobody else judges them.
func (o *offer) passed(next func(net.Conn, *hello.Hello)) func(net.Conn, *hello.Hello) {
	if o.kind == config.KindTCP || len(o.guards) == 0 {
		return next
	}
	return func(nc net.Conn, h *hello.Hello) {
		o.guarded(func(nc net.Conn) { next(nc, h) })(nc)
	}
}

// guarded lets only those connections through whose client the guards let in; others are closed, without a word.
func (o *offer) guarded(next tcp4.Handler) tcp4.Handler {
	return func(nc net.Conn) {
		if o.admits(nc) {
			next(nc)
			return
		}
		o.series.Refused("policy")
		_ = nc.Close() // nothing was written to it
	}
}

// admits asks the guards about a connection.
func (o *offer) admits(nc net.Conn) bool {
	x := &http7.Exchange{Conn: &http7.Conn{Listener: o.name}, Client: clientOf(nc.RemoteAddr()), Arrival: time.Now()}
	for i := range o.guards {
		s := &o.guards[i]
		v := s.Request.Request(x)
		if v.Act != http7.Reply || v.Fault == nil {
			continue
		}
		o.tell(x, s, v.Fault)
		if s.Mode != http7.Observe {
			return false
		}
	}
	return true
}

// tell counts and logs what a guard has refused.
func (o *offer) tell(x *http7.Exchange, s *http7.Step, f *http7.Fault) {
	r := obs.Refusal{Arrival: x.Arrival, Client: x.Client, Listener: o.name, Policy: s.Name, Mode: "enforce", Fault: f.Name}
	if s.Mode == http7.Observe {
		r.Mode = "observe"
	}
	if x.Cause != nil {
		r.Reason, x.Cause = x.Cause.Error(), nil
	}
	o.refusals.Refused(r.Policy, r.Fault, r.Mode)
	o.audit.Write(&r)
}
