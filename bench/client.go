package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Client speaks a protocol that a library implements: HTTP/2, HTTP/3, gRPC, WebSocket. It serves one worker, which
// calls it from one goroutine; several of them may share a connection.
type Client interface {
	// Do makes one round trip by the deadline, connecting first where there is no connection, and gives up when ctx,
	// which is the run's, ends. A complete
	// answer is no error whatever its status; what went wrong is sorted by KindOf, so a failure to connect is
	// wrapped in a ConnectError, one of the TLS handshake in a TLSError, and what the protocol forbids in
	// ErrMalformed.
	Do(ctx context.Context, deadline time.Time, r *Request) (Answer, error)
	// Close ends the worker's connection.
	Close() error
}

// Answer is what a Client keeps of an answer.
type Answer struct {
	// Status is the HTTP status; for protocols without one, 0 or what Request.Expect understands.
	Status int
	// Note is what the protocol says of a status besides its number, such as gRPC's code and message.
	Note string
	// In and Out are the bytes read and written for it, as far as the library tells; at least the bodies'.
	In, Out int64
	// Body is the start of the body where the request's Expect wants it; valid until the next Do.
	Body []byte
	// Opened says that a connection was opened for this round trip.
	Opened bool
	// Reopened says that it replaced one that the peer had closed while it was idle.
	Reopened bool
}

// What can be wrong with an answer itself; all else is an error of the connection.
var (
	// ErrMalformed: the bytes that came are no answer in the protocol.
	ErrMalformed = errors.New("malformed answer")
	// ErrShort: the answer ended before its framing said so.
	ErrShort = errors.New("answer cut short")

	errBody = errors.New("a body that is not expected")
)

// unexpectedStatus is a complete answer with a status that its request does not expect.
type unexpectedStatus struct {
	status int
	note   string
}

func (e *unexpectedStatus) Error() string {
	if e.note == "" {
		return fmt.Sprintf("status %d", e.status)
	}
	return fmt.Sprintf("status %d: %s", e.status, e.note)
}

// ConnectError marks a failure to connect, so that its refusal is not taken for a reset.
type ConnectError struct{ Cause error }

// Error says that it was the connecting, and why.
func (e *ConnectError) Error() string { return "connect: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Cause }

// TLSError marks a failure of the TLS handshake: a certificate that does not verify, no common version.
type TLSError struct{ Cause error }

// Error says that it was the handshake, and why.
func (e *TLSError) Error() string { return "TLS: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *TLSError) Unwrap() error { return e.Cause }
