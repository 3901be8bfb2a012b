package sock

import "net"

// Gate lies between a socket and its TLS layer. While it is shut, reads end at once instead of
// waiting: that is how a [Conn] takes what TLS has decrypted already, and no more.
type Gate struct {
	net.Conn
	shut bool
}

// NewGate puts a gate over nc.
func NewGate(nc net.Conn) *Gate { return &Gate{Conn: nc} }

// Read reads from the socket, or not at all while the gate is shut.
func (g *Gate) Read(b []byte) (int, error) {
	if g.shut {
		return 0, errShut
	}
	return g.Conn.Read(b)
}

// errShut is temporary to crypto/tls, which would otherwise repeat it for ever.
var errShut error = shutError{}

type shutError struct{}

func (shutError) Error() string   { return "sock: gate is shut" }
func (shutError) Timeout() bool   { return true }
func (shutError) Temporary() bool { return true }
