package tcp4

import (
	"net"
	"strconv"
	"time"

	"weir/lb"
)

// End says how a session ended.
type End uint8

const (
	// Done: both sides finished, each direction to its last byte.
	Done End = iota
	// ClientReset: the client reset or lost its connection.
	ClientReset
	// EndpointReset: the endpoint reset or lost its connection.
	EndpointReset
	// Idle: no byte for IdleTimeout.
	Idle
	// Cut: Weir ended it, because its grace at shutdown was over.
	Cut
	// NoEndpoint: the upstream offered none; Record.Reason says why.
	NoEndpoint
	// ConnectFailed: none of the endpoints tried took the connection.
	ConnectFailed

	// Ends is the number of ends, for tables indexed by End.
	Ends = int(ConnectFailed) + 1
)

var endNames = [Ends]string{"done", "client_reset", "endpoint_reset", "idle", "cut", "no_endpoint", "connect_failed"}

// String returns the word that logs and metrics use.
func (e End) String() string {
	if int(e) < len(endNames) {
		return endNames[e]
	}
	return "end(" + strconv.Itoa(int(e)) + ")"
}

// Record is what is told about a session when it has ended.
type Record struct {
	// Listener and Upstream are names in the configuration.
	Listener, Upstream string
	// Endpoint is the address that the session was connected to, or the last one tried. Empty if
	// the upstream offered none.
	Endpoint string
	// Client is the client's address; a unix socket's may be empty.
	Client net.Addr
	// ServerName is the host that the client asked for by TLS; empty if it did not.
	ServerName string
	// Start is when the client's connection was handed to the relay.
	Start time.Time
	// Duration is from Start to the end of both connections.
	Duration time.Duration
	// Connect is how long the last attempt to connect took.
	Connect time.Duration
	// FirstByte is how long the endpoint took to say something: from the first bytes that it was
	// sent, or from Connect if it spoke first. 0 if it never did.
	FirstByte time.Duration
	// Queued is how long the session waited for an endpoint with room.
	Queued time.Duration
	// Attempts is how many endpoints were tried.
	Attempts int
	// Reason is what the last choice of an endpoint came to; lb.Picked if there was one.
	Reason lb.Reason
	// BytesIn and BytesOut were passed on from the client and to the client.
	BytesIn, BytesOut int64
	// End says how it ended.
	End End
	// Err is the cause if End is ConnectFailed; for the log, never to be matched by its text.
	Err error
}

// Fault returns the word for what went wrong: "" for Done, the reason where no endpoint was to be had
// ("all_full", "breaker_open"), else that of End.
func (r *Record) Fault() string {
	switch r.End {
	case Done:
		return ""
	case NoEndpoint:
		return r.Reason.String()
	}
	return r.End.String()
}

// outcome is what the session says about its endpoint. Its latency is the time to connect and to the
// first byte.
func (r *Record) outcome() lb.Outcome {
	switch r.End {
	case EndpointReset:
		return lb.Outcome{Result: lb.Reset}
	case ClientReset, Cut:
		return lb.Outcome{Result: lb.Cancelled}
	default:
		return lb.Outcome{Result: lb.OK, FirstByte: r.Connect + r.FirstByte}
	}
}
