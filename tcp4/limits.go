package tcp4

import (
	"math"
	"sync/atomic"
	"syscall"
)

// Off as a limit means no limit.
const Off = -1

// reservedFiles are the descriptors that a derived limit leaves to logs, listening sockets, probes
// and the admin server.
const reservedFiles = 128

// Limits bounds what a listener accepts. A connection beyond a limit is reset at once and counted;
// those already accepted are untouched.
type Limits struct {
	// MaxConnections is how many connections of the listener may be open at a time.
	// Default (0): DefaultMaxConnections(). Off: no limit.
	MaxConnections int
	// MaxPerClient is how many of them one client address may hold. Clients on a unix socket have
	// no address and are not bounded by it. Default (0) and Off: no limit.
	MaxPerClient int
	// Proxies, if not nil, takes PROXY headers off connections before the handler gets them, which
	// is then given a *Proxied. MaxPerClient bounds the clients that the headers name.
	Proxies *Proxies
}

// withDefaults returns l with every limit as a number to compare with.
func (l Limits) withDefaults() Limits {
	switch {
	case l.MaxConnections == 0:
		l.MaxConnections = DefaultMaxConnections()
	case l.MaxConnections < 0:
		l.MaxConnections = math.MaxInt
	}
	l.MaxPerClient = max(l.MaxPerClient, 0)
	return l
}

// DefaultMaxConnections derives a limit from RLIMIT_NOFILE: half of the descriptors that are left
// after a reserve, because a proxied connection needs a second one towards its endpoint. It is at
// least 64, also where the limit can't be read.
func DefaultMaxConnections() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 64
	}
	files := int(min(uint64(r.Cur), 1<<24))
	return max((files-reservedFiles)/2, 64)
}

// Counters are the live numbers of a listener. They are carried over a reload under the listener's
// name and may be read at any time, without a lock.
type Counters struct {
	// Accepted counts connections that were handed to the handler.
	Accepted atomic.Int64
	// Active is how many of them are open now.
	Active atomic.Int64
	// RefusedLimit and RefusedClient count connections reset because of MaxConnections and
	// MaxPerClient.
	RefusedLimit, RefusedClient atomic.Int64
	// Pauses counts how often accept had to wait because descriptors or memory ran out.
	Pauses atomic.Int64
	// Panics counts handlers that panicked; their connection was reset.
	Panics atomic.Int64
}
