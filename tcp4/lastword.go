package tcp4

import (
	"net"
	"time"
)

const (
	// lastTime is how long a client that is refused may take to fetch the answer.
	lastTime = time.Second
	// lastBytes is how much of what it sends is taken meanwhile.
	lastBytes = 64 << 10
)

// lastWord ends a connection so that the client sees what it is told last: answer or, if that is nil,
// what has been written already. What it still sends is taken for a moment: closing on bytes that nobody
// has read resets the connection, and a reset overtakes the answer. Who calls it closes the connection.
func lastWord(conn net.Conn, answer []byte) {
	_ = conn.SetDeadline(time.Now().Add(lastTime)) // fails only on a closed connection
	if len(answer) > 0 {
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
	if half, ok := halfCloser(conn); !ok || half.CloseWrite() != nil {
		return
	}
	var room [2048]byte
	for taken := 0; taken < lastBytes; {
		n, err := conn.Read(room[:])
		if err != nil {
			return
		}
		taken += n
	}
}

// halfCloser returns what can end one direction of a connection, below a layer that can't.
func halfCloser(raw net.Conn) (half interface{ CloseWrite() error }, ok bool) {
	if half, ok = raw.(interface{ CloseWrite() error }); ok {
		return half, true
	}
	if over, is := raw.(interface{ NetConn() net.Conn }); is {
		return halfCloser(over.NetConn())
	}
	return nil, false
}
