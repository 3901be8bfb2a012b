package serve

import (
	"time"

	"weir/internal/deadline"
	clienthello "weir/internal/hello"
)

// hailed answers a client that begins with a TLS hello on a plain connection in TLS's own terms, by an
// alert, and reports whether it was one. An answer of HTTP would be taken for a broken record.
func (c *conn) hailed() bool {
	if c.s.TLS() != nil || !clienthello.Looks(c.in.Window()) {
		return false
	}
	c.e.series.Defended(tlsOnPlain)
	c.enter(leaving, deadline.Now()+int64(time.Second))
	_, err := c.s.Write(clienthello.Alert(clienthello.UnexpectedMessage))
	c.clean = err != nil
	c.linger()
	return true
}
