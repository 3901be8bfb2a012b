package serve

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"weir/internal/obs"
)

// H3Port is one UDP socket on which clients speak HTTP/3. It lives as long as some listener wants its address:
// a reload may give it to another listener, whose the connections are that come from then on.
//
// Its life is NewH3Port, then either Close or Publish as often as needed, StopAccepting, Drain and Close. Publish,
// StopAccepting, Drain and Close are called by one goroutine at a time.
type H3Port struct {
	shared    *Shared
	pc        *net.UDPConn
	transport quic.Transport
	host      atomic.Pointer[H3Host]
	guests    guests
	refused   netip.AddrPort // the last client that was; arrive's

	ln      *quic.Listener // from the first Publish on
	accepts sync.WaitGroup
	conns   sync.WaitGroup

	mu      sync.Mutex
	carried map[*h3conn]struct{} // guarded by mu
	closing bool                 // guarded by mu
}

// H3Host is a listener to which new connections on a port belong. It never changes.
type H3Host struct {
	Engine *Engine
	// TLS returns the configuration of the next handshake, whose ALPN is "h3" alone; it must not be nil. Required.
	TLS func() *tls.Config
	// HandshakeTimeout bounds a handshake. Default (0): 10 s.
	HandshakeTimeout time.Duration
	// MaxConnections and MaxPerClient bound the connections on the port, and those of one address; those over
	// TCP are counted apart. Handshakes bounds the handshakes that one address, of IPv6 one /64, has under way.
	// 0 is no bound.
	MaxConnections, MaxPerClient, Handshakes int
}

// handshake returns how long one may take.
func (h *H3Host) handshake() time.Duration {
	if h.HandshakeTimeout > 0 {
		return h.HandshakeTimeout
	}
	return 10 * time.Second
}

// NewH3Port takes over a UDP socket, which is closed with the port. Nothing is read from it before Publish.
func NewH3Port(s *Shared, pc *net.UDPConn) *H3Port {
	p := &H3Port{shared: s, pc: pc, carried: map[*h3conn]struct{}{}}
	var key quic.StatelessResetKey
	_, _ = rand.Read(key[:]) // never fails
	p.transport = quic.Transport{
		Conn: pc, StatelessResetKey: &key,
		ConnContext:         p.arrive,
		VerifySourceAddress: func(net.Addr) bool { return p.guests.busy() },
	}
	return p
}

// Addr is the address of the socket.
func (p *H3Port) Addr() net.Addr { return p.pc.LocalAddr() }

// Publish gives the connections that come from now on to h. The first call begins to accept.
func (p *H3Port) Publish(h *H3Host) error {
	p.host.Store(h)
	if p.ln != nil {
		return nil
	}
	offer := &tls.Config{
		NextProtos: []string{http3.NextProtoH3}, MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return p.host.Load().TLS(), nil },
	}
	ln, err := p.transport.Listen(offer, &quic.Config{GetConfigForClient: p.configFor})
	if err != nil {
		return err
	}
	p.ln = ln
	p.accepts.Go(p.accept) // h3.accept: ends with StopAccepting
	return nil
}

// configFor returns the bounds of the next connection.
func (p *H3Port) configFor(*quic.ClientInfo) (*quic.Config, error) {
	h := p.host.Load()
	return quicConfig(&h.Engine.site(nil).Limits, h.handshake()), nil
}

func (p *H3Port) accept() {
	for {
		qc, err := p.ln.Accept(context.Background())
		if err != nil {
			if !errors.Is(err, quic.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				p.shared.Log.Error("HTTP/3 is not served any more", "address", p.pc.LocalAddr().String(), "error", err)
			}
			return
		}
		p.conns.Go(func() { p.serve(qc) }) // h3.conn: ends with the connection
	}
}

// serve serves a connection under the listener that it came to.
func (p *H3Port) serve(qc *quic.Conn) {
	a, _ := qc.Context().Value(arrivalKey{}).(*arrival)
	if a == nil { // every connection has passed arrive
		return
	}
	a.shaken(qc.ConnectionState().TLS.DidResume)
	series := a.host.Engine.series
	series.Opened()
	defer series.Closed()
	a.host.Engine.serveH3(qc, p)
}

// StopAccepting refuses new connections from now on. Those that there are go on.
func (p *H3Port) StopAccepting() {
	if p.ln != nil {
		_ = p.ln.Close() // never fails
		p.accepts.Wait()
	}
}

// Drain asks the clients to leave and waits until all have, or until ctx ends. It comes behind StopAccepting.
func (p *H3Port) Drain(ctx context.Context) {
	p.each(func(h *h3conn) { h.leave() })
	gone := make(chan struct{})
	go func() { // h3.drain: ends with the last connection
		defer close(gone)
		p.conns.Wait()
	}()
	select {
	case <-gone:
	case <-ctx.Done():
	}
}

// Close ends what is left and closes the socket.
func (p *H3Port) Close() {
	if p.ln == nil {
		_ = p.pc.Close()
		return
	}
	p.StopAccepting()
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	p.each(func(h *h3conn) { h.carrier.sever() })
	p.conns.Wait()
	_ = p.transport.Close() // nothing is left to be told
	_ = p.pc.Close()
}

func (p *H3Port) each(do func(*h3conn)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for h := range p.carried {
		do(h)
	}
}

func (p *H3Port) add(h *h3conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.carried[h] = struct{}{}
	if p.closing {
		h.carrier.sever()
	}
}

func (p *H3Port) remove(h *h3conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.carried, h)
}

// arrivalKey finds the arrival in a connection's context.
type arrivalKey struct{}

// arrival is a connection from its first packet on.
type arrival struct {
	port   *H3Port
	host   *H3Host
	client netip.Addr
	shook  atomic.Bool // the handshake is over
}

var errTooMany = errors.New("serve: too many connections of HTTP/3")

// arrive admits or refuses a connection by its first packet. It must not block: all packets of the port wait.
func (p *H3Port) arrive(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	h, from := p.host.Load(), udpAddrPort(info.RemoteAddr)
	a := &arrival{port: p, host: h, client: from.Addr()}
	if why := p.guests.enter(a.client, h); why != "" {
		if from != p.refused { // a large hello comes in two packets
			refused(h.Engine.series, why)
		}
		p.refused = from
		return nil, errTooMany
	}
	p.refused = netip.AddrPort{}
	context.AfterFunc(ctx, func() { a.gone(context.Cause(ctx)) }) // h3.gone: ends at once
	return context.WithValue(ctx, arrivalKey{}, a), nil
}

// refused counts a connection that was turned away.
func refused(series *obs.ListenerSeries, why string) {
	if why == handshakeFlood {
		series.Defended(why)
	} else {
		series.Refused(why)
	}
}

// shaken notes that the handshake has ended well.
func (a *arrival) shaken(resumed bool) {
	if !a.shook.CompareAndSwap(false, true) {
		return
	}
	a.port.guests.shaken(a.client)
	series := a.host.Engine.series
	series.Shaken("1.3", 1)
	if resumed {
		series.Resumed(1)
	}
}

// gone accounts for the connection's end, or for a handshake that has failed because of cause.
func (a *arrival) gone(cause error) {
	if a.shook.CompareAndSwap(false, true) {
		a.port.guests.shaken(a.client)
		why := whyNotShaken(cause)
		a.host.Engine.series.HandshakeFailed(why, 1)
		if why == handshakeTimeout {
			a.host.Engine.series.Defended(slowHandshake)
		}
	}
	a.port.guests.leave(a.client)
}
