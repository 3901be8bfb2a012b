package tcp4

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"

	"weir/internal/hello"
)

// Further words for what a listener defends itself against.
const (
	// DefendedSlowHello: the ClientHello did not come in time.
	DefendedSlowHello = "slow_hello"
	// DefendedHello: the ClientHello was cut or too long, or there was none and TLS is not terminated.
	DefendedHello = "hello"
)

// PassthroughConfig says which TLS connections go on as they are.
type PassthroughConfig struct {
	// Listener is the name that logs carry.
	Listener string
	// Entries are asked from the most exact name to none at all, and of those with equal names first
	// the ones that ask for a protocol; of equals, in their order here. At least one.
	Entries []PassthroughEntry
	// TLS is who bounds hellos: one that is awaited is a handshake under way, within its PerClient and
	// its Timeout, as they are when it begins, and one that nobody takes is counted there as Unknown. The
	// connection that is then handed to it begins anew.
	// Default (nil): 256 and 10 s.
	TLS *TLS
	// Log receives hellos that can't be read, at level debug. Default (nil): slog.Default().
	Log *slog.Logger
	// Defended, if not nil, is told of connections that were closed for their hello, by one of the
	// words above. It must be safe for concurrent use.
	Defended func(kind string)
}

// PassthroughEntry is a set of connections, and what becomes of them.
type PassthroughEntry struct {
	// SNI are names in lower case, "db.example.com" or "*.example.com" for all names below. Empty:
	// every connection, with or without a name.
	SNI []string
	// ALPN are protocols of which the client must offer one. Empty: whatever it offers.
	ALPN []string
	// Serve is the entry's handler. Nothing has been read from the connection. Required.
	Serve func(net.Conn, *hello.Hello)
}

// Passthrough decides from the ClientHello, before TLS is ended here, who takes a connection. It is
// immutable and safe for concurrent use.
type Passthrough struct {
	cfg   PassthroughConfig
	rules []rule
}

// rule is one name of an entry.
type rule struct {
	name  string // "" for every connection; ".example.com" for all names below
	alpn  []string
	serve func(net.Conn, *hello.Hello)
}

// NewPassthrough checks cfg and fills in the defaults.
func NewPassthrough(cfg PassthroughConfig) (*Passthrough, error) {
	p := &Passthrough{cfg: cfg}
	for _, e := range cfg.Entries {
		if e.Serve == nil {
			return nil, errors.New("tcp4: a passthrough entry needs somebody to serve it")
		}
		for _, name := range e.SNI {
			p.rules = append(p.rules, rule{strings.TrimPrefix(name, "*"), e.ALPN, e.Serve})
		}
		if len(e.SNI) == 0 {
			p.rules = append(p.rules, rule{"", e.ALPN, e.Serve})
		}
	}
	if len(p.rules) == 0 {
		return nil, errors.New("tcp4: a passthrough needs entries")
	}
	slices.SortStableFunc(p.rules, func(a, b rule) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), cmp.Compare(min(len(b.alpn), 1), min(len(a.alpn), 1)))
	})
	if cfg.TLS == nil {
		p.cfg.TLS = newTLS(TLSConfig{})
	}
	if cfg.Log == nil {
		p.cfg.Log = slog.Default()
	}
	if cfg.Defended == nil {
		p.cfg.Defended = func(string) {}
	}
	return p, nil
}

// rank orders names by how exact they are: whole ones, then the longest ends, then none.
func (r *rule) rank() int {
	if r.name == "" || r.name[0] == '.' {
		return len(r.name)
	}
	return 1 << 16
}

func (r *rule) takes(h *hello.Hello) bool {
	switch {
	case r.name == "":
	case r.name[0] == '.':
		if len(h.ServerName) <= len(r.name) || !strings.HasSuffix(h.ServerName, r.name) {
			return false
		}
	case r.name != h.ServerName:
		return false
	}
	return len(r.alpn) == 0 || slices.ContainsFunc(r.alpn, h.Offers)
}

// find returns who takes a connection with this hello; nil if nobody does.
func (p *Passthrough) find(h *hello.Hello) func(net.Conn, *hello.Hello) {
	for i := range p.rules {
		if p.rules[i].takes(h) {
			return p.rules[i].serve
		}
	}
	return nil
}

// Handler returns a handler that reads the hello, without consuming it, and gives the connection to
// its entry or, where none wants it, to next, the one who ends TLS. next also gets what does not
// begin with a hello or with a bad one, and says so in TLS's own terms. With next nil such
// connections are refused, with the alert unrecognized_name if there is no entry for the name.
func (p *Passthrough) Handler(next Handler) Handler {
	return func(conn net.Conn) {
		h, err := p.read(conn)
		if err != nil {
			p.unread(conn, err, next)
			return
		}
		if serve := p.find(&h); serve != nil {
			serve(conn, &h)
		} else if next != nil {
			next(conn)
		} else {
			p.unknown(conn, &h)
		}
	}
}

// unknown refuses a connection for a name that nobody takes. It is a handshake that failed.
func (p *Passthrough) unknown(conn net.Conn, h *hello.Hello) {
	p.cfg.TLS.Failures.Add(1)
	p.cfg.TLS.Unknown.Add(1)
	p.cfg.Log.Debug("nobody takes the name of a ClientHello", "listener", p.cfg.Listener, "client", conn.RemoteAddr(), "name", h.ServerName)
	lastWord(conn, hello.Alert(hello.UnrecognizedName))
}

func (p *Passthrough) read(conn net.Conn) (h hello.Hello, err error) {
	look := peek{look: func(b []byte) (n int, err error) {
		if h, n, err = hello.Parse(b); err == hello.ErrMore {
			err = errMore
		}
		return n, err
	}}
	from, ok := p.cfg.TLS.enter(conn)
	if !ok {
		return h, errFlood
	}
	defer p.cfg.TLS.leave(from)
	err = look.run(conn, p.cfg.TLS.bounds.Load().timeout)
	if err == io.EOF && look.have == 0 {
		err = errSilent
	}
	return h, err
}

var (
	// errSilent is a connection that ended without a byte, as those of health checks do.
	errSilent = errors.New("tcp4: the connection ended before it began")
	// errFlood is a client that has too many handshakes under way. It has been counted.
	errFlood = errors.New("tcp4: too many handshakes under way")
)

// unread deals with a connection whose hello could not be read.
func (p *Passthrough) unread(conn net.Conn, err error, next Handler) {
	var timeout net.Error
	kind := DefendedHello
	switch {
	case err == errSilent || err == errFlood:
		return
	case next != nil && (err == hello.ErrNotTLS || err == hello.ErrMalformed):
		next(conn)
		return
	case errors.As(err, &timeout) && timeout.Timeout():
		kind = DefendedSlowHello
	}
	p.cfg.Defended(kind)
	p.cfg.Log.Debug("ClientHello refused", "listener", p.cfg.Listener, "client", conn.RemoteAddr(), "cause", err)
	if err == hello.ErrMalformed || err == hello.ErrTooLong {
		lastWord(conn, hello.Alert(hello.DecodeError))
	}
}
