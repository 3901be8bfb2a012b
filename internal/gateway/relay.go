package gateway

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"weir/http7/forward"
	"weir/http7/selector"
	"weir/internal/config"
	"weir/internal/obs"
	"weir/lb"
	"weir/tcp4"
)

// relay returns what takes a listener's sessions to an upstream in one generation. They may be silent for idle.
func (g *Gateway) relay(o *offer, name string, idle time.Duration, next *generation) (*tcp4.Relay, error) {
	l, u, cfg := o.listener, next.upstreams[name], next.Config.Upstreams[name]
	attempts := cfg.Retry.Attempts
	if attempts == 0 {
		attempts = tcp4.Off
	}
	done := &sessionEnd{g: g, l: l, u: u}
	if !next.Config.AccessLog.Off() {
		done.access = g.access
	}
	return tcp4.NewRelay(tcp4.RelayConfig{
		Listener:       l.name,
		Upstream:       u.balancer,
		Key:            keyOf(cfg),
		ConnectTimeout: cfg.Timeouts.Connect.Value(),
		Attempts:       attempts,
		IdleTimeout:    idle,
		Strangers:      o.limits.Proxies,
		SendProxy:      proxyVersions[cfg.SendProxyProtocol],
		Sessions:       g.sessions,
		Dialed:         g.reach.dialed,
		Record:         done.record,
	})
}

// proxyVersions are those of the headers that endpoints are sent; 0 is none.
var proxyVersions = map[string]int{forward.ProxyV1: 1, forward.ProxyV2: 2}

// keyOf returns what the sessions of an upstream are placed by; nil for nothing.
func keyOf(c *config.Upstream) func(netip.Addr) lb.Key {
	if len(c.HashOn) == 0 {
		return nil
	}
	return func(client netip.Addr) lb.Key {
		hash, ok := selector.HashClient(client)
		if !ok { // those without an address are spread, not sent to one place
			hash = rand.Uint64()
		}
		return lb.Key{Hash: hash}
	}
}

// sessionEnd tells metrics, logs and the access log about sessions that have ended.
type sessionEnd struct {
	g      *Gateway
	l      *listener
	u      *upstream
	access *obs.AccessLog
}

// record is called on the session's goroutine.
func (s *sessionEnd) record(r *tcp4.Record) {
	s.l.series.Relayed(r.BytesIn, r.BytesOut)
	if r.End == tcp4.NoEndpoint {
		s.l.series.Refused("upstream")
	} else {
		s.u.series.Attempt(sessionOutcomes[r.End], firstByte(r))
	}
	if s.access == nil {
		return
	}
	line := obs.Record{
		Arrival: r.Start, Client: clientOf(r.Client), Listener: r.Listener, Proto: "tcp", Host: []byte(r.ServerName),
		Upstream: r.Upstream, Endpoint: r.Endpoint, BytesIn: r.BytesIn, BytesOut: r.BytesOut,
		Duration: r.Duration, Attempts: r.Attempts,
	}
	line.Fault = r.Fault()
	s.access.Write(&line)
}

// firstByte returns the time from the attempt to connect to the first byte of the endpoint, 0 without one.
func firstByte(r *tcp4.Record) time.Duration {
	if r.FirstByte == 0 {
		return 0
	}
	return r.Connect + r.FirstByte
}

// sessionOutcomes are the words of weir_upstream_attempts_total. Why an established session
// ended is in the access log; only resets by the endpoint speak against it.
var sessionOutcomes = [tcp4.Ends]string{
	tcp4.Done: lb.OK.String(), tcp4.ClientReset: lb.OK.String(), tcp4.Idle: lb.OK.String(), tcp4.Cut: lb.OK.String(),
	tcp4.EndpointReset: lb.Reset.String(), tcp4.NoEndpoint: lb.ConnectFailed.String(), tcp4.ConnectFailed: lb.ConnectFailed.String(),
}

func clientOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
