package h2

import (
	"errors"

	"golang.org/x/net/http2"
)

// Kind says what an [Error] means for the request.
type Kind uint8

// The kinds.
const (
	// Lost: the connection ended; whether the request was processed is not known.
	Lost Kind = iota
	// Refused: the endpoint has not processed the request, and says so (RFC 9113 §8.7), or it was
	// never sent.
	Refused
	// Calm: the endpoint wants less of this (ENHANCE_YOUR_CALM).
	Calm
	// Reset: the endpoint ended the stream.
	Reset
	// Malformed: what the endpoint sent is no answer.
	Malformed
	// TooLarge: a header section is over its limit.
	TooLarge
	// Cancelled: the endpoint wants no more of the stream (CANCEL), as when the time that it was given is over.
	Cancelled
)

// Error is why a stream ended before its answer was whole.
type Error struct {
	// Kind is what it means.
	Kind Kind
	// Err is the reason, for the log.
	Err error
}

// Error returns the reason.
func (e *Error) Error() string { return "h2: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

var (
	errClosed    = errors.New("the connection was closed here")
	errRetired   = errors.New("the connection takes no further streams")
	errDone      = errors.New("the stream has been ended")
	errNotH2     = errors.New("the endpoint does not speak HTTP/2")
	errSilent    = errors.New("the endpoint did not answer a ping")
	errStuck     = errors.New("the endpoint took no bytes")
	errFlood     = errors.New("the endpoint asks for more than it takes")
	errWindow    = errors.New("the endpoint sent more than its window")
	errOverflow  = errors.New("a window over its limit")
	errPush      = errors.New("a push that nobody asked for")
	errStream    = errors.New("a frame on a stream that was never opened")
	errStatus    = errors.New("an answer without one valid :status")
	errInterim   = errors.New("an interim answer that ends the stream")
	errInterims  = errors.New("too many interim answers")
	errNoHead    = errors.New("a body before the head")
	errBehind    = errors.New("frames behind the end of the stream")
	errTrailer   = errors.New("a trailer section with pseudo-fields, or that does not end the stream")
	errLongHead  = errors.New("a header section over the limit")
	errSettings  = errors.New("settings out of their range")
	errExhausted = errors.New("the connection has no stream numbers left")
)

// resetKind is what a stream's end by the endpoint means. What came of the answer before does not count as
// refused.
func resetKind(code http2.ErrCode, answered bool) Kind {
	switch {
	case code == http2.ErrCodeRefusedStream && !answered:
		return Refused
	case code == http2.ErrCodeEnhanceYourCalm:
		return Calm
	case code == http2.ErrCodeCancel:
		return Cancelled
	}
	return Reset
}
