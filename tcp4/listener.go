package tcp4

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"sync/atomic"
)

// Handler serves one connection and returns when it is done with it. The connection is the
// handler's until then; the listener closes it afterwards if the handler did not.
type Handler func(net.Conn)

// Config says what a listener binds and bounds.
type Config struct {
	// Name is the listener's name in the configuration; it stands in errors and logs.
	Name string
	// Addresses to bind: ":8080" both families, "0.0.0.0:80" IPv4 alone, "[::]:80" IPv6 alone, a
	// host with a port, or "unix:/path" ("unix:@name" for an abstract one). At least one.
	Addresses []string
	// UnixMode is the mode of the socket files. Default (0): 0660.
	UnixMode fs.FileMode
	// Limits bounds the connections.
	Limits Limits
	// Log receives pauses of accept and panics of handlers. Default (nil): slog.Default().
	Log *slog.Logger
}

// Listener accepts the connections of one named listener on one or several addresses.
//
// Its life is Listen, then either Close (nothing was served) or Publish, Update as often as
// needed, StopAccepting and Wait. All methods may be called concurrently.
type Listener struct {
	name   string
	log    *slog.Logger
	labels context.Context
	live   atomic.Pointer[live]
	ledger *ledger

	mu      sync.Mutex
	fresh   []*socket // bound by Listen, not accepting yet
	wanted  []*socket // of other listeners, to be taken over by Publish
	sockets []*socket // accepting for this listener
}

// live is what Update swaps.
type live struct {
	handler Handler
	limits  Limits
}

// ledger is what outlives a Listener when a reload makes a new one of the same name.
type ledger struct {
	Counters
	clients *clients
	paused  atomic.Int32
	freed   chan struct{} // a connection ended while accept was paused
	ended   chan struct{} // Active fell to 0
}

func newLedger() *ledger {
	return &ledger{clients: newClients(), freed: make(chan struct{}, 1), ended: make(chan struct{}, 1)}
}

// Listen binds cfg's addresses and accepts nothing yet; the kernel queues who connects. An address
// that one of the running listeners in adopt has bound is not bound again: Publish takes it over
// without a gap. From the one that has the same name, counters and per-client counts are carried
// over. On an error nothing stays bound; the error names listener and address.
func Listen(cfg Config, adopt ...*Listener) (*Listener, error) {
	l := &Listener{name: cfg.Name, log: cfg.Log, ledger: inherit(cfg.Name, adopt)}
	if l.log == nil {
		l.log = slog.Default()
	}
	l.labels = pprof.WithLabels(context.Background(), pprof.Labels("goroutine", "tcp4.conn", "listener", cfg.Name))
	l.live.Store(&live{limits: cfg.Limits.withDefaults()})
	if len(cfg.Addresses) == 0 {
		return nil, &BindError{Listener: cfg.Name, Err: errors.New("no address")}
	}
	for _, a := range cfg.Addresses {
		if s := held(a, adopt); s != nil {
			l.wanted = append(l.wanted, s)
			continue
		}
		s, err := bind(a, cfg.UnixMode)
		if err != nil {
			l.Close()
			return nil, &BindError{Listener: cfg.Name, Address: a, Err: err}
		}
		l.fresh = append(l.fresh, s)
	}
	return l, nil
}

// inherit returns the ledger of the listener called name, or a new one.
func inherit(name string, adopt []*Listener) *ledger {
	for _, old := range adopt {
		if old.name == name {
			return old.ledger
		}
	}
	return newLedger()
}

// held returns the socket on which one of the listeners accepts at address, or nil. An address
// with port 0 is always another one.
func held(address string, by []*Listener) *socket {
	for _, old := range by {
		old.mu.Lock()
		for _, s := range old.sockets {
			if s.address == address && !anyPort(address) {
				old.mu.Unlock()
				return s
			}
		}
		old.mu.Unlock()
	}
	return nil
}

// Name returns the listener's name.
func (l *Listener) Name() string { return l.name }

// Counters returns the live numbers of the listener.
func (l *Listener) Counters() *Counters { return &l.ledger.Counters }

// Addrs returns the bound addresses, with the ports that the system chose for port 0, in no
// particular order.
func (l *Listener) Addrs() []net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	var addrs []net.Addr
	for _, list := range [][]*socket{l.fresh, l.wanted, l.sockets} {
		for _, s := range list {
			addrs = append(addrs, s.ln.Addr())
		}
	}
	return addrs
}

// Update gives connections accepted from now on another handler and other limits. Those that are
// open keep theirs.
func (l *Listener) Update(handler Handler, limits Limits) {
	l.live.Store(&live{handler: handler, limits: limits.withDefaults()})
}

// Publish starts to accept, and takes over the sockets that Listen found bound by other listeners;
// those go on with the rest of theirs. It cannot fail, and returns at once.
func (l *Listener) Publish(handler Handler) {
	l.live.Store(&live{handler: handler, limits: l.live.Load().limits})
	l.mu.Lock()
	fresh, wanted := l.fresh, l.wanted
	l.fresh, l.wanted = nil, nil
	l.sockets = append(l.sockets, fresh...)
	l.mu.Unlock()
	for _, s := range fresh {
		s.owner.Store(l)
		go s.run()
	}
	for _, s := range wanted {
		l.take(s)
	}
}

// take moves a socket from its owner to l. If the owner has stopped accepting meanwhile, the
// socket is closed and l goes without it; gateway publishes before it retires, so that it isn't.
func (l *Listener) take(s *socket) {
	old := s.owner.Load()
	if old == l || !old.give(s) {
		return
	}
	s.owner.Store(l)
	l.mu.Lock()
	l.sockets = append(l.sockets, s)
	l.mu.Unlock()
}

// give removes s from the sockets of l and reports whether it was among them.
func (l *Listener) give(s *socket) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, mine := range l.sockets {
		if mine == s {
			l.sockets = append(l.sockets[:i:i], l.sockets[i+1:]...)
			return true
		}
	}
	return false
}

// Close undoes Listen: what Listen bound is closed, what it would have taken over stays with its
// owner. It does nothing to sockets that accept; see StopAccepting.
func (l *Listener) Close() {
	l.mu.Lock()
	fresh := l.fresh
	l.fresh, l.wanted = nil, nil
	l.mu.Unlock()
	for _, s := range fresh {
		s.close()
	}
}

// StopAccepting hands the connections that the kernel has queued to the handler, closes the
// sockets that still belong to l and returns. Open connections go on; see Wait. A client whose
// handshake ends between the last accept and the close is reset.
func (l *Listener) StopAccepting() {
	l.Close()
	l.mu.Lock()
	sockets := l.sockets
	l.sockets = nil
	l.mu.Unlock()
	for _, s := range sockets {
		s.stop()
	}
	for _, s := range sockets {
		<-s.gone
	}
}

// Wait returns nil once no connection of the listener is open, or the context's cause. It is meant
// for use after StopAccepting, by one caller at a time. A listener that adopted l's counters
// shares its connections too.
func (l *Listener) Wait(ctx context.Context) error {
	for l.ledger.Active.Load() > 0 {
		select {
		case <-l.ledger.ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Serve is Publish for those who have nothing else to do: it returns after ctx has ended and
// StopAccepting is through.
func (l *Listener) Serve(ctx context.Context, handler Handler) {
	l.Publish(handler)
	<-ctx.Done()
	l.StopAccepting()
}

// admit checks an accepted connection against the limits and starts its goroutine.
func (l *Listener) admit(conn net.Conn) {
	now, led := l.live.Load(), l.ledger
	if led.Active.Add(1) > int64(now.limits.MaxConnections) {
		led.RefusedLimit.Add(1)
		reset(conn)
		l.release(netip.Addr{})
		return
	}
	proxied := now.limits.Proxies.expects(conn)
	var counted netip.Addr
	if !proxied {
		var ok bool
		if counted, ok = l.count(conn, now.limits.MaxPerClient); !ok {
			reset(conn)
			l.release(netip.Addr{})
			return
		}
	}
	led.Accepted.Add(1)
	go l.carry(conn, now, proxied, counted)
}

// count counts conn for its client and reports whether limit allows it; counted is not valid if
// nothing was counted.
func (l *Listener) count(conn net.Conn, limit int) (counted netip.Addr, ok bool) {
	if limit <= 0 {
		return netip.Addr{}, true
	}
	a, has := clientAddr(conn)
	if !has {
		return netip.Addr{}, true
	}
	if !l.ledger.clients.enter(a, limit) {
		l.ledger.RefusedClient.Add(1)
		return netip.Addr{}, false
	}
	return a, true
}

// carry is the goroutine of one connection. A panic of the handler costs that connection alone.
func (l *Listener) carry(conn net.Conn, now *live, proxied bool, counted netip.Addr) {
	defer func() {
		if p := recover(); p != nil {
			l.ledger.Panics.Add(1)
			l.log.Error("a connection's handler panicked", "listener", l.name, "panic", p, "stack", string(debug.Stack()))
			reset(conn)
		}
		_ = conn.Close()
		l.release(counted)
	}()
	pprof.SetGoroutineLabels(l.labels)
	served := conn
	if proxied {
		if served, counted = l.believe(conn, now); served == nil {
			reset(conn)
			return
		}
	}
	now.handler(served)
}

// believe takes the PROXY header off conn and counts the client that it names; nil if there is no
// header to be believed, or the client has too many connections.
func (l *Listener) believe(conn net.Conn, now *live) (served net.Conn, counted netip.Addr) {
	believed := now.limits.Proxies.take(conn)
	if believed == nil {
		return nil, netip.Addr{}
	}
	counted, ok := l.count(believed, now.limits.MaxPerClient)
	if !ok {
		return nil, netip.Addr{}
	}
	return believed, counted
}

// release accounts for a connection that has ended; counted is the client it was counted for.
func (l *Listener) release(counted netip.Addr) {
	led := l.ledger
	if counted.IsValid() {
		led.clients.leave(counted)
	}
	if led.Active.Add(-1) == 0 {
		signal(led.ended)
	}
	if led.paused.Load() > 0 {
		signal(led.freed)
	}
}

// signal wakes the one who waits on c, now or next; c has room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
