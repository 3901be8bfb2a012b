package obs

import (
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// ListenerSeries counts what happens at one listener: connections, refusals, handshakes, faults,
// and for TCP listeners the bytes of sessions. Its series appear in the export at once, as a
// listener that nobody reaches is worth seeing, and go with [ListenerSeries.Retire].
type ListenerSeries struct {
	tenure
	active     atomic.Int64
	tunnels    atomic.Int64
	accepted   *metrics.Counter
	resumed    *metrics.Counter
	paused     *metrics.Counter
	bytesIn    *metrics.Counter
	bytesOut   *metrics.Counter
	refused    fan
	handshakes fan
	failures   fan
	faults     fan
	defences   fan
}

// Listener returns the series of a listener. Each call must be paired with one Retire.
func (c *Catalogue) Listener(name string) *ListenerSeries {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.listeners[name]
	if l == nil {
		l = c.newListener(name)
		c.listeners[name] = l
	} else {
		l.holders++
	}
	return l
}

// newListener exports the series of a listener. Call with mu held.
func (c *Catalogue) newListener(name string) *ListenerSeries {
	l := &ListenerSeries{}
	l.tenure = tenure{cat: c, holders: 1, drop: func() { delete(c.listeners, name) }}
	at := []string{"listener", name}
	l.accepted = l.counter(series(connectionsTotal, at...))
	l.resumed = l.counter(series(handshakesResumed, at...))
	l.paused = l.counter(series(acceptPauses, at...))
	l.bytesIn = l.counter(series(listenerBytesIn, at...))
	l.bytesOut = l.counter(series(listenerBytesOut, at...))
	l.refused = fan{family: connectionsRefused, labels: at, label: "reason"}
	l.handshakes = fan{family: handshakesTotal, labels: at, label: "version"}
	l.failures = fan{family: handshakeFailures, labels: at, label: "reason"}
	l.faults = fan{family: faultsTotal, labels: at, label: "kind"}
	l.defences = fan{family: defencesTotal, labels: at, label: "kind"}
	l.gauge(series(connectionsActive, at...), func() float64 { return float64(l.active.Load()) })
	l.gauge(series(tunnelsActive, at...), func() float64 { return float64(l.tunnels.Load()) })
	return l
}

// Opened counts a connection that was accepted and will be served; Closed must follow.
func (l *ListenerSeries) Opened() {
	l.accepted.Inc()
	l.active.Add(1)
}

// Closed counts the end of a connection.
func (l *ListenerSeries) Closed() { l.active.Add(-1) }

// Active returns how many connections are open now.
func (l *ListenerSeries) Active() int64 { return l.active.Load() }

// TunnelOpened counts a connection, or a stream, that has become a tunnel; TunnelClosed must follow.
func (l *ListenerSeries) TunnelOpened() { l.tunnels.Add(1) }

// TunnelClosed counts the end of a tunnel.
func (l *ListenerSeries) TunnelClosed() { l.tunnels.Add(-1) }

// Refused counts a connection that was closed at once. reason is a word of a small fixed set:
// "max_connections", "max_connections_per_client", "policy", "upstream" …
func (l *ListenerSeries) Refused(reason string) { l.refused.get(&l.tenure, reason).Inc() }

// Shaken counts n TLS handshakes that ended well, QUIC's among them. version is "1.2" or "1.3".
func (l *ListenerSeries) Shaken(version string, n int64) {
	l.handshakes.get(&l.tenure, version).AddInt64(n)
}

// Resumed counts n of the handshakes that [ListenerSeries.Shaken] counts: those that went on with an
// earlier session.
func (l *ListenerSeries) Resumed(n int64) { l.resumed.AddInt64(n) }

// HandshakeFailed counts n TLS handshakes that did not end well. reason is "timeout", "not_tls",
// "client_certificate" or "other".
func (l *ListenerSeries) HandshakeFailed(reason string, n int64) {
	l.failures.get(&l.tenure, reason).AddInt64(n)
}

// AcceptPaused counts a pause of accept because file descriptors ran out.
func (l *ListenerSeries) AcceptPaused() { l.paused.Inc() }

// Fault counts an exchange that Weir answered because of a fault; kind is the fault's kind, a word
// of a small fixed set.
func (l *ListenerSeries) Fault(kind string) { l.faults.get(&l.tenure, kind).Inc() }

// Defended counts a connection, stream or handshake that was ended because its client attacked or looked
// like it. kind is one of [Defences].
func (l *ListenerSeries) Defended(kind string) { l.defences.get(&l.tenure, kind).Inc() }

// Relayed counts bytes of TCP sessions: in from the client, out to it. It may be called while
// a session runs, with what came since the last call.
func (l *ListenerSeries) Relayed(in, out int64) {
	l.bytesIn.AddInt64(in)
	l.bytesOut.AddInt64(out)
}

// Retire gives the series back. With the last holder they leave the export.
func (l *ListenerSeries) Retire() { l.retire() }
