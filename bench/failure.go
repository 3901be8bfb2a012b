package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// Kind says how a request failed.
type Kind uint8

// The kinds of failure, in the order in which a request can meet them.
const (
	// Connect: the connection could not be made, the TLS handshake included.
	Connect Kind = iota
	// Timeout: the request was not done within Config.Timeout.
	Timeout
	// Reset: the connection was reset or closed before a byte of the answer.
	Reset
	// ShortBody: the answer ended before its framing said so.
	ShortBody
	// Malformed: the bytes that came are no HTTP/1 answer, or not the echo of the message.
	Malformed
	// Status: a complete answer with a status of 400 or more.
	Status

	kinds
)

var kindNames = [kinds]string{"connect", "timeout", "reset", "short body", "malformed", "status"}

// String returns the kind's name as reports print it.
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Failures counts failed requests by Kind.
type Failures [kinds]int64

// Total returns the number of failed requests of all kinds.
func (f Failures) Total() int64 {
	var sum int64
	for _, n := range f {
		sum += n
	}
	return sum
}

// String lists the kinds that occurred, such as "3 connect, 1 timeout", or says "none".
func (f Failures) String() string {
	var parts []string
	for k, n := range f {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, Kind(k)))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// MarshalJSON writes an object with every kind by its name, zeros included.
func (f Failures) MarshalJSON() ([]byte, error) {
	named := make(map[string]int64, len(f))
	for k, n := range f {
		named[strings.ReplaceAll(Kind(k).String(), " ", "_")] = n
	}
	return json.Marshal(named)
}

// What the answer reader finds wrong with the bytes themselves; all else is an error of the connection.
var (
	errMalformed = errors.New("bench: malformed answer")
	errShort     = errors.New("bench: answer cut short")
	errStatus    = errors.New("bench: status of 400 or more")
)

// connectError marks a failure to connect, so that its refusal is not taken for a reset.
type connectError struct{ cause error }

func (e *connectError) Error() string { return "bench: connect: " + e.cause.Error() }
func (e *connectError) Unwrap() error { return e.cause }

// kindOf sorts an error of one request. A connect that timed out is a Connect: nothing was asked yet.
func kindOf(err error) Kind {
	var connecting *connectError
	var timeout net.Error
	switch {
	case errors.As(err, &connecting):
		return Connect
	case errors.Is(err, errStatus):
		return Status
	case errors.Is(err, errMalformed):
		return Malformed
	case errors.Is(err, errShort):
		return ShortBody
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF):
		return Reset
	}
	return Reset
}
