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
	// Connect: the connection could not be made.
	Connect Kind = iota
	// TLS: the handshake failed.
	TLS
	// Timeout: the request was not done within Config.Timeout.
	Timeout
	// Reset: the connection was reset or closed before a byte of the answer.
	Reset
	// ShortBody: the answer ended before its framing said so.
	ShortBody
	// Malformed: the bytes that came are no answer in the protocol, or not the echo of the message.
	Malformed
	// Status: a complete answer with a status that the request does not expect; without Expect, 400 or more.
	Status
	// Body: a complete answer with a body that the request does not expect.
	Body

	kinds
)

var kindNames = [kinds]string{"connect", "tls", "timeout", "reset", "short body", "malformed", "status", "body"}

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

// key is the kind's name in JSON.
func (k Kind) key() string { return strings.ReplaceAll(k.String(), " ", "_") }

// MarshalJSON writes an object with every kind by its name, zeros included.
func (f Failures) MarshalJSON() ([]byte, error) {
	named := make(map[string]int64, len(f))
	for k, n := range f {
		named[Kind(k).key()] = n
	}
	return json.Marshal(named)
}

// UnmarshalJSON reads what MarshalJSON writes; names that it does not know are refused.
func (f *Failures) UnmarshalJSON(text []byte) error {
	var named map[string]int64
	if err := json.Unmarshal(text, &named); err != nil {
		return err
	}
	*f = Failures{}
	for k := range kinds {
		f[k] = named[k.key()]
		delete(named, k.key())
	}
	for name := range named {
		return fmt.Errorf("unknown kind of failure %q", name)
	}
	return nil
}

// KindOf sorts an error of one request. A connect that timed out is a Connect: nothing was asked yet.
func KindOf(err error) Kind {
	var connecting *ConnectError
	var handshake *TLSError
	var status *unexpectedStatus
	var timeout net.Error
	switch {
	case errors.As(err, &handshake):
		return TLS
	case errors.As(err, &connecting):
		return Connect
	case errors.As(err, &status):
		return Status
	case errors.Is(err, errBody):
		return Body
	case errors.Is(err, ErrMalformed):
		return Malformed
	case errors.Is(err, ErrShort):
		return ShortBody
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF):
		return Reset
	}
	return Reset
}
