package serve

import (
	"os"

	"weir/http7"
	"weir/internal/framewatch"
)

// The kinds of weir_defences_total that HTTP counts, beside those of package framewatch; obs.Defences says what each
// is.
const (
	rapidReset     = framewatch.RapidReset
	controlFlood   = framewatch.ControlFlood
	slowHeader     = framewatch.SlowHeader
	slowBody       = "slow_body"
	headerBomb     = "header_bomb"
	tooManyStreams = "too_many_streams"
	writeStall     = "write_stall"
	windowStall    = "window_stall"
	slowHandshake  = "slow_handshake"
	handshakeFlood = "handshake_flood"
	tlsOnPlain     = "tls_on_plain"
)

// defend counts an exchange that was ended because the client takes nothing. That it sends nothing is counted where it
// shows.
func (c *conn) defend(x *exchange) {
	if x.Fault != http7.ClientStalled || c.pump.fault != nil { // then it was the body that did not come
		return
	}
	if c.st == nil {
		c.e.series.Defended(writeStall)
	} else {
		c.e.series.Defended(windowStall)
	}
}

// slow counts a request that did not come in time and returns its fault.
func (c *conn) slow(kind string) *http7.Fault {
	c.e.series.Defended(kind)
	return http7.RequestTimeout
}

// stuck counts a connection that nothing could be written to for the write stall, if that is what a write came to.
func (c *h2Conn) stuck(n int, err error) {
	if n == 0 && err != nil && os.IsTimeout(err) {
		c.k.e.series.Defended(writeStall)
	}
}
