package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"

	"weir/internal/tlsto"
)

// Kind says in a word why a call has no answer.
type Kind string

// The kinds.
const (
	Timeout   Kind = "timeout"    // the answer did not come in time
	Cancelled Kind = "cancelled"  // whoever asked wants it no more
	Resolve   Kind = "resolve"    // the host's name has no address
	Connect   Kind = "connect"    // no connection
	TLS       Kind = "tls"        // the handshake failed
	TooLarge  Kind = "too_large"  // the answer is longer than it may be
	BadAnswer Kind = "bad_answer" // the answer is none, or was cut
	Unusable  Kind = "unusable"   // the request can't be sent
)

// Error is a call without an answer. Its text is for logs: it names the host, and neither the rest of the URL nor anything
// that was sent.
type Error struct {
	Kind Kind
	Host string
	Err  error
}

// Error says it in the words of a log line.
func (e *Error) Error() string {
	var inner *url.Error
	err := e.Err
	if errors.As(err, &inner) { // whose text has the URL
		err = inner.Err
	}
	return e.Host + ": " + string(e.Kind) + ": " + err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

var errTooLarge = errors.New("the body is longer than it may be")

func errorOf(ctx context.Context, host string, err error) *Error {
	return &Error{Kind: kindOf(ctx, err), Host: host, Err: err}
}

func kindOf(ctx context.Context, err error) Kind {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, errTooLarge):
		return TooLarge
	case errors.Is(ctx.Err(), context.Canceled):
		return Cancelled
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case isTLS(err):
		return TLS
	case errors.As(err, &dns):
		return Resolve
	case errors.As(err, &op) && op.Op == "dial":
		return Connect
	case strings.Contains(err.Error(), "server response headers exceeded"):
		return TooLarge
	}
	return BadAnswer
}

func isTLS(err error) bool {
	var ours *tlsto.Error
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var bad *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	return errors.As(err, &ours) || errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &bad) ||
		errors.As(err, &authority)
}
