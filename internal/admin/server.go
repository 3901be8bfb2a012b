// Package admin is the door for the operator: metrics, health of the process, status and reload,
// over HTTP on loopback or a socket; and the client of that door for the command line.
//
// It knows the rest of Weir only as the functions in [Gateway]. Browsers on the same machine are
// the threat: a page must be able neither to change anything nor to read anything by DNS
// rebinding, so the Host is checked on every call, Origin and Content-Type on those that change.
package admin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"weir/internal/conf"
)

const (
	maxBody       = 64 << 10
	maxHead       = 16 << 10
	maxConns      = 256
	readTimeout   = 10 * time.Second // a whole request
	longRead      = 60 * time.Second // one with a large body
	writeTimeout  = 30 * time.Second // a whole answer
	idleTimeout   = 60 * time.Second
	reloadTimeout = 60 * time.Second
	closeTimeout  = 2 * time.Second // for answers under way when Run ends
)

// Server is the admin server. Use it as New, Listen, Run. A nil *Server is one that is off.
type Server struct {
	address conf.Address
	token   *[sha256.Size]byte // nil: none is asked for
	gateway Gateway
	log     *slog.Logger
	calls   []call
	ln      net.Listener
	// planning holds the plan that is being made.
	planning chan struct{}
}

// New returns the server of a checked config; nil if the config says off. It binds nothing.
func New(cfg Config, gateway Gateway, log *slog.Logger) (*Server, error) {
	if cfg.Address.IsOff() {
		return nil, nil
	}
	if gateway.Reload == nil || gateway.Status == nil || gateway.Ready == nil || gateway.Metrics == nil {
		return nil, errors.New("admin: a function of the gateway is missing")
	}
	s := &Server{address: cfg.Address, gateway: gateway, log: log}
	if t := cfg.Token.Reveal(); t != "" {
		sum := sha256.Sum256([]byte(t))
		s.token = &sum
	}
	s.calls = s.table()
	return s, nil
}

// Listen binds the address; a socket gets mode 0600, and a dead one in its place is removed.
// The caller must then call Run or Close.
func (s *Server) Listen() error {
	if s == nil {
		return nil
	}
	ln, err := listen(s.address)
	if err != nil {
		return fmt.Errorf("admin.address %s: %w", s.address, cause(err))
	}
	s.ln = patient{ln, s.log}
	return nil
}

// Addr returns where the server listens, with the port that the system chose for port 0; nil
// before Listen and when it is off.
func (s *Server) Addr() net.Addr {
	if s == nil || s.ln == nil {
		return nil
	}
	return s.ln.Addr()
}

// Close gives the address back; Run does it at its end.
func (s *Server) Close() {
	if s != nil && s.ln != nil {
		// A second close reports that it is one; nothing else can fail here that matters.
		_ = s.ln.Close()
	}
}

// Run serves until ctx ends, then lets answers under way be written for two seconds.
func (s *Server) Run(ctx context.Context) {
	if s == nil {
		<-ctx.Done()
		return
	}
	server := s.server(ctx)
	done := make(chan struct{})
	go func() { // the admin accept loop; ends when the listener is closed
		defer close(done)
		if err := server.Serve(s.ln); err != nil && !errors.Is(err, net.ErrClosed) && ctx.Err() == nil {
			s.log.Error("admin server ended", "address", s.address.String(), "error", err)
		}
	}()
	select {
	case <-ctx.Done():
	case <-done:
	}
	// Shutdown alone would miss a listener that Serve has not registered yet.
	s.Close()
	<-done
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := server.ShutdownWithContext(rest); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Warn("admin connections were cut", "error", err)
	}
}

// server returns the HTTP server whose calls end with ctx.
func (s *Server) server(ctx context.Context) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                      func(r *fasthttp.RequestCtx) { s.handle(ctx, r) },
		ErrorHandler:                 s.badRequest,
		HeaderReceived:               s.bounds,
		Logger:                       quiet{s.log},
		NoDefaultServerHeader:        true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		Concurrency:                  maxConns,
		MaxRequestBodySize:           maxBody,
		ReadBufferSize:               maxHead,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
	}
}

// bounds gives the calls that take large bodies room for them, once the token fits.
func (s *Server) bounds(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	most := s.mostOf(h)
	if most == maxBody || !s.tokenFits(h.Peek(fasthttp.HeaderAuthorization)) {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: most, ReadTimeout: longRead}
}

// mostOf returns how large the body of a request may be.
func (s *Server) mostOf(h *fasthttp.RequestHeader) int {
	path, _, _ := strings.Cut(string(h.RequestURI()), "?")
	if c, _ := s.find(string(h.Method()), path); c != nil && c.most > 0 {
		return c.most
	}
	return maxBody
}

// handle answers one call. fasthttp lets a panic end the process; here it is a 500.
func (s *Server) handle(ctx context.Context, r *fasthttp.RequestCtx) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("panic in an admin call", "path", string(r.Path()), "panic", v, "stack", string(debug.Stack()))
			r.ResetBody()
			refuse(r, problem{Status: fasthttp.StatusInternalServerError, Detail: "the call failed; the log says why"})
		}
	}()
	s.dispatch(ctx, r)
}

// quiet writes what fasthttp has to say at debug level: it is about clients, not about Weir.
type quiet struct{ log *slog.Logger }

// Printf implements fasthttp.Logger.
func (q quiet) Printf(format string, args ...any) {
	q.log.Debug("admin: " + fmt.Sprintf(format, args...))
}
