package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"weir/http7"
)

// h3conn is one QUIC connection that carries HTTP/3. Its goroutine accepts streams; each request has one of its
// own, which ends with the request.
type h3conn struct {
	e       *Engine
	site    *Site // when it was opened
	qc      *quic.Conn
	raw     *http3.RawServerConn
	control *quic.SendStream
	carrier *carrier

	// slots bounds the requests at work. QUIC's own limit counts streams, and a stream that the client resets is
	// over for QUIC while its exchange is not: without a bound of ours resets would pile up exchanges.
	slots   chan struct{}
	streams sync.WaitGroup
	next    quic.StreamID // the first that has not been taken
	leave   context.CancelFunc
	working context.Context // until it is to leave

	mu      sync.Mutex
	info    *http7.Conn                    // guarded by mu
	unheard map[quic.StreamID]*quic.Stream // requests whose head is not there yet; guarded by mu
	patient patience                       // guarded by mu

	defended bool // guarded by mu: it is being ended
}

// serveH3 serves HTTP/3 on a QUIC connection of a port whose handshake is over, until it ends.
func (e *Engine) serveH3(qc *quic.Conn, p *H3Port) {
	h := &h3conn{
		e: e, site: e.site(nil), qc: qc, info: h3Info(e.listener, qc),
		unheard: map[quic.StreamID]*quic.Stream{},
		patient: patience{left: patienceBurst, at: time.Now()},
	}
	h.working, h.leave = context.WithCancel(qc.Context())
	defer h.leave()
	h.carrier = e.addCarrier(http7.HTTP3, h.info, h.leave, func() { h.close(http3.ErrCodeNoError) })
	defer e.removeCarrier(h.carrier)
	p.add(h)
	defer p.remove(h)
	if h.site == nil { // the listener has gone
		h.close(http3.ErrCodeNoError)
		return
	}
	if e.draining.Load() {
		h.leave()
	}
	l := &h.site.Limits
	h.slots = make(chan struct{}, l.streams())
	var err error
	if h.raw, h.control, err = openH3(qc, l, h); err != nil {
		h.close(http3.ErrCodeInternalError)
		return
	}
	var unidirectional sync.WaitGroup
	unidirectional.Go(h.acceptUni) // h3.uni: ends with the connection
	h.accept()
	h.streams.Wait()
	_ = h.raw.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") // also ends http3's timer
	unidirectional.Wait()
}

// h3Info says what is known of a connection.
func h3Info(listener string, qc *quic.Conn) *http7.Conn {
	st := qc.ConnectionState().TLS
	info := &http7.Conn{Listener: listener, Peer: udpAddrPort(qc.RemoteAddr()), Local: udpAddrPort(qc.LocalAddr())}
	info.FillTLS(&st)
	return info
}

func udpAddrPort(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := u.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// accept takes streams until the connection ends. Once it is to leave, it refuses them.
func (h *h3conn) accept() {
	for {
		str, err := h.qc.AcceptStream(h.working)
		if err != nil {
			break
		}
		if !h.slot() {
			if h.qc.Context().Err() == nil {
				refuseStream(str)
			}
			break
		}
		h.next = str.StreamID() + 4
		h.streams.Go(func() { h.carry(str) }) // h3.stream: ends with the request
	}
	if h.qc.Context().Err() == nil {
		h.goAway()
	}
}

// slot waits until another request may be at work; false means that there will be none.
func (h *h3conn) slot() bool {
	if h.working.Err() != nil {
		return false
	}
	select {
	case h.slots <- struct{}{}:
		return true
	case <-h.working.Done():
		return false
	}
}

// refuseStream ends a stream of which nothing has been looked at, so that the client may send the request again
// elsewhere (RFC 9114 §4.1.1).
func refuseStream(str *quic.Stream) {
	str.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestRejected))
	str.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestRejected))
}

// goAway tells the client to leave, refuses what it sends still, and returns when the connection has ended, or
// when its last request has and the client has had the time to leave by itself.
func (h *h3conn) goAway() {
	var rest sync.WaitGroup
	defer rest.Wait()
	rest.Go(func() { // h3.goaway: ends when it is sent, or with the connection
		_, _ = h.control.Write(goAway(h.next)) // fails only with the connection
	})
	rest.Go(func() { // h3.refuse: ends with the connection
		for {
			str, err := h.qc.AcceptStream(h.qc.Context())
			if err != nil {
				return
			}
			refuseStream(str)
		}
	})
	h.streams.Wait()
	t := time.NewTimer(quiet)
	defer t.Stop()
	select {
	case <-t.C:
	case <-h.qc.Context().Done():
	}
	h.close(http3.ErrCodeNoError)
}

// acceptUni takes the client's unidirectional streams. A client that keeps opening some is up to no good.
func (h *h3conn) acceptUni() {
	var all sync.WaitGroup
	defer all.Wait()
	for n := 0; ; n++ {
		str, err := h.qc.AcceptUniStream(h.qc.Context())
		if err != nil {
			return
		}
		if n == maxUniStreams {
			h.defend(controlFlood, http3.ErrCodeExcessiveLoad)
			return
		}
		all.Go(func() { // h3.uni: the control stream's ends with the connection
			defer h.rescue()
			h.raw.HandleUnidirectionalStream(str)
		})
	}
}

// carry takes one request from its first byte to its end.
func (h *h3conn) carry(str *quic.Stream) {
	defer func() { <-h.slots }()
	defer h.rescue()
	id, since := str.StreamID(), time.Now()
	h.mu.Lock()
	h.unheard[id] = str
	wary := h.patient.left < waryBelow
	h.mu.Unlock()
	if taken := wary && takenBack(str) || str.Context().Err() != nil; taken {
		h.heard(id)
		refuseStream(str)
		h.judge(true)
		return
	}
	timeout := h.site.Limits.HeaderTimeout
	if timeout > 0 {
		_ = str.SetReadDeadline(since.Add(timeout)) // fails never
	}
	h.raw.HandleRequestStream(str)
	cause := context.Cause(str.Context())
	if h.heard(id) == nil {
		if reset := resetByClient(cause); !reset || time.Since(since) < rapidly {
			h.judge(reset)
		}
		return
	}
	switch { // http3 has refused it
	case timeout > 0 && time.Since(since) >= timeout:
		h.e.series.Defended(slowHeader)
	case errors.Is(cause, quic.ErrStreamClosed): // with an answer: 431
		h.e.series.Defended(headerBomb)
	}
	h.judge(true)
}

// rapidly is how soon a request is taken back that has cost the client less than us. Later, clients have deadlines, and
// users close pages.
const rapidly = 100 * time.Millisecond

// rescue ends the connection, and not the process, when a goroutine of its panics.
func (h *h3conn) rescue() {
	if v := recover(); v != nil {
		if h.e.Panicked != nil {
			h.e.Panicked(v, debug.Stack())
		}
		h.close(http3.ErrCodeInternalError)
	}
}

// secondThought is how long a client that takes back much is given to take back one more request before it is
// served. Most of what a request costs is spent at an endpoint.
const secondThought = 2 * time.Millisecond

// takenBack waits for that.
func takenBack(str *quic.Stream) bool {
	t := time.NewTimer(secondThought)
	defer t.Stop()
	select {
	case <-str.Context().Done():
		return true
	case <-t.C:
		return false
	}
}

// heard notes that a request's head has been read. It returns the stream, nil if that is no news.
func (h *h3conn) heard(id quic.StreamID) *quic.Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	str := h.unheard[id]
	delete(h.unheard, id)
	return str
}

// follow sees where the client is now: it may go on from another address (RFC 9000 §9), and those who judge and
// log addresses must know.
func (h *h3conn) follow() {
	peer := udpAddrPort(h.qc.RemoteAddr())
	h.mu.Lock()
	defer h.mu.Unlock()
	if peer == h.info.Peer {
		return
	}
	moved := *h.info
	moved.Peer = peer
	h.info = &moved
	h.carrier.moved(h.info)
}

// ServeHTTP is called by http3 on the stream's goroutine once the request's head is there.
func (h *h3conn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := r.Body.(interface{ StreamID() quic.StreamID }) // so are all that http3 makes
	str := h.heard(body.StreamID())
	switch {
	case r.Method == http.MethodConnect:
		if r.Proto != "HTTP/3.0" { // RFC 9220: http3 puts :protocol there
			r.Header[http7.ExtendedConnect] = []string{r.Proto}
		}
	case r.ContentLength <= 0 && !h.findEnd(str, r):
		panic(http.ErrAbortHandler)
	}
	_ = str.SetReadDeadline(time.Time{}) // fails never
	h.follow()
	h.carrier.ServeHTTP(w, r)
}

// findEnd makes r a request without a body if it has none, which only the end of the stream says in HTTP/3. For
// methods that have no body as a rule it waits: false if that is for too long. Of others it takes what is at hand.
func (h *h3conn) findEnd(str *quic.Stream, r *http.Request) bool {
	wait := r.ContentLength < 0 && bodyUnusual(r.Method)
	if !wait {
		_ = str.SetReadDeadline(time.Now().Add(atHand)) // fails never
	}
	var b [1]byte
	_, err := str.Peek(b[:])
	switch {
	case errors.Is(err, io.EOF):
		_, _ = r.Body.Read(b[:]) // takes the end
		r.Body, r.ContentLength = http.NoBody, 0
	case err == nil && r.ContentLength == 0: // trailers, or a lie that shows when it is read
		r.ContentLength = -1
		delete(r.Header, "Content-Length")
	case wait && errors.Is(err, os.ErrDeadlineExceeded):
		h.e.series.Defended(slowHeader)
		return false
	}
	return true
}

// atHand is how long something that has come may take to be found.
const atHand = time.Millisecond

// bodyUnusual reports whether requests of that method have a body as an exception (RFC 9110 §9.3).
func bodyUnusual(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}

// judge notes how a request has ended: as most do, or so that it cost the client less than us. It ends the
// connection of a client that does too much of that (rapid reset, CVE-2023-44487).
func (h *h3conn) judge(wasted bool) {
	h.mu.Lock()
	ends := h.patient.tried(wasted, time.Now()) && !h.defended
	h.defended = h.defended || ends
	h.mu.Unlock()
	if ends {
		h.defend(rapidReset, http3.ErrCodeExcessiveLoad)
	}
}

// defend ends the connection of a client that attacks.
func (h *h3conn) defend(kind string, code http3.ErrCode) {
	h.e.series.Defended(kind)
	h.close(code)
}

// close ends the connection at once. Any goroutine may call it.
func (h *h3conn) close(code http3.ErrCode) {
	_ = h.qc.CloseWithError(quic.ApplicationErrorCode(code), "") // only the first has an effect
}

// patience is how many wasted requests a connection is forgiven: a burst, and some more every second and for
// every request that is not wasted. People who click around cancel dozens at once.
type patience struct {
	left float64
	at   time.Time
}

const (
	patienceBurst = 200.0
	waryBelow     = 180.0
	patienceRate  = 33.0 // a second
)

// tried reports whether the patience is at its end.
func (p *patience) tried(wasted bool, now time.Time) bool {
	p.left += now.Sub(p.at).Seconds() * patienceRate
	p.at = now
	if wasted {
		p.left--
	} else {
		p.left++
	}
	p.left = min(p.left, patienceBurst)
	return p.left < 0
}
