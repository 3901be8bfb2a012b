package waf

import (
	"runtime"
	"time"

	"weir/http7"
)

// The rules cost some ten microseconds for each byte that they look at: a few clients with long bodies would have all cores,
// and every other request of the process would wait for them. So long requests are inspected by turns, on half of the cores
// at most.

const (
	// quick is how many bytes are inspected without a turn: it takes some tens of milliseconds.
	quick = 4 << 10
	// mostWait is how long a request waits for its turn.
	mostWait = 5 * time.Second
)

// newTurns returns what holds as many values as long requests may be inspected at once.
func newTurns() chan struct{} { return make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)) }

// turn waits until x, of which body is to be inspected, may be: done must be called behind it. A dry run waits for nobody.
func (p *firewall) turn(x *http7.Exchange, body []byte) (done func(), f *http7.Fault) {
	if x.Dry || sizeOf(x)+len(body) <= quick {
		return func() {}, nil
	}
	turns := p.engine.turns
	done = func() { <-turns }
	select {
	case turns <- struct{}{}:
		return done, nil
	default:
	}
	ctx, unblock := x.Block(mostWait)
	defer unblock()
	select {
	case turns <- struct{}{}:
		return done, nil
	case <-ctx.Done():
		return nil, busy
	}
}

// sizeOf returns how many bytes x's head has.
func sizeOf(x *http7.Exchange) int {
	n := len(x.Target)
	for i := range x.Request.Len() {
		name, value := x.Request.At(i)
		n += len(name) + len(value)
	}
	return n
}

var busy = &http7.Fault{
	Side: http7.Internal, Kind: http7.Limit, Name: "waf_busy", Status: 503, GRPC: 14, ProxyStatus: "proxy_internal_response",
	Title: "Service Unavailable", Detail: "Too many long requests are being inspected.", Extra: "Retry-After: 5\r\n",
}
