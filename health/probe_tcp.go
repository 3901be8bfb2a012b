package health

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
)

// newTCPTalk returns the conversation of a TCP probe: what is sent, and what must come back.
func newTCPTalk(c *TCPConfig) func(net.Conn) error {
	send, expect := []byte(c.Send), []byte(c.Expect)
	return func(conn net.Conn) error {
		if len(send) > 0 {
			if _, err := conn.Write(send); err != nil {
				return err
			}
		}
		if len(expect) == 0 {
			return nil
		}
		return await(conn, expect)
	}
}

// await reads until expect has been seen within the first maxAnswer bytes.
func await(from io.Reader, expect []byte) error {
	var seen []byte
	chunk := make([]byte, 4<<10)
	for len(seen) < maxAnswer {
		n, err := from.Read(chunk)
		// Only what is new can complete a match: bytes that trickle must not cost a scan of all.
		fresh := max(0, len(seen)-len(expect)+1)
		seen = append(seen, chunk[:n]...)
		switch {
		case bytes.Contains(seen[fresh:], expect):
			return nil
		case errors.Is(err, io.EOF):
			return errors.New("the connection was closed before " + strconv.Quote(string(expect)) + " came")
		case err != nil:
			return err
		}
	}
	return errors.New("the first 64 KiB do not contain " + strconv.Quote(string(expect)))
}
