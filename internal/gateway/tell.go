package gateway

// told is how much of the numbers of tcp4 the series have been told; the scrape lock guards it.
type told struct {
	limit, client, pauses, panics int64
	tls                           toldTLS
}

// toldTLS is how much of the numbers of TLS.
type toldTLS struct {
	v12, v13, resumed, failures, timeouts, notTLS, unproven, unknown, byClient, flooded int64
}

// tell carries the numbers of tcp4 over into the series.
func (g *Gateway) tell(l *listener) {
	g.scrape.Lock()
	defer g.scrape.Unlock()
	sockets := l.sockets.Load()
	if sockets == nil {
		return // not published yet
	}
	n, t := sockets.Counters(), &l.told
	carry(&t.limit, n.RefusedLimit.Load(), func() { l.series.Refused("max_connections") })
	carry(&t.client, n.RefusedClient.Load(), func() { l.series.Refused("max_connections_per_client") })
	carry(&t.pauses, n.Pauses.Load(), l.series.AcceptPaused)
	carry(&t.panics, n.Panics.Load(), g.catalogue.Panicked)
	l.tellTLS(&t.tls)
}

// tellTLS carries over what became of handshakes.
func (l *listener) tellTLS(t *toldTLS) {
	n := &l.tls.TLSCounters
	since := func(told *int64, now int64) (n int64) {
		n, *told = now-*told, now
		return n
	}
	count := func(n int64, count func(string, int64), word string) {
		if n > 0 { // a series is there from the first on
			count(word, n)
		}
	}
	count(since(&t.v12, n.TLS12.Load()), l.series.Shaken, "1.2")
	count(since(&t.v13, n.TLS13.Load()), l.series.Shaken, "1.3")
	if n := since(&t.resumed, n.Resumed.Load()); n > 0 {
		l.series.Resumed(n)
	}
	timeouts, notTLS, unproven := since(&t.timeouts, n.Timeouts.Load()), since(&t.notTLS, n.NotTLS.Load()), since(&t.unproven, n.Unproven.Load())
	unknown, byClient := since(&t.unknown, n.Unknown.Load()), since(&t.byClient, n.ByClient.Load())
	// Read last: whoever counts a kind has counted the failure before.
	other := since(&t.failures, n.Failures.Load()) - timeouts - notTLS - unproven - unknown - byClient
	count(timeouts, l.series.HandshakeFailed, "timeout")
	for range timeouts {
		l.series.Defended("slow_handshake")
	}
	count(notTLS, l.series.HandshakeFailed, "not_tls")
	count(unproven, l.series.HandshakeFailed, "client_certificate")
	count(unknown, l.series.HandshakeFailed, "unknown_name")
	count(byClient, l.series.HandshakeFailed, "refused_by_client")
	count(other, l.series.HandshakeFailed, "other")
	carry(&t.flooded, n.Flooded.Load(), func() { l.series.Defended("handshake_flood") })
}

// inherit takes over what a listener of l's name and another kind has told: tcp4 goes on counting
// under the name.
func (g *Gateway) inherit(l *listener, old *generation) {
	g.scrape.Lock()
	defer g.scrape.Unlock()
	for _, o := range old.listeners {
		if o.name == l.name && o.listener != l {
			l.told = o.told
			l.told.tls = toldTLS{}
		}
	}
}

// carry calls count once for each step from told to now.
func carry(told *int64, now int64, count func()) {
	for ; *told < now; *told++ {
		count()
	}
}
