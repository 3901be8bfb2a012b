package serve

import (
	"errors"
	"net/http"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// What of quic-go is bent to a proxy's needs stands here and nowhere else.

// newRawServerConn is http3.Server.NewRawServerConn with the control stream, which that keeps to itself: a
// drain of one connection writes its GOAWAY there. With http3's own loop over streams nobody could bound how many
// of them are at work (see h3conn.slots). That it is what we take it for is proven by TestH3DrainSaysGoAway.
//
//go:linkname newRawServerConn github.com/quic-go/quic-go/http3.(*Server).newRawServerConn
func newRawServerConn(s *http3.Server, conn *quic.Conn) (*http3.RawServerConn, *quic.SendStream, error)

// The bounds of one QUIC connection.
const (
	// deadAfter is how long the network may say nothing. It is short, since a client that has gone without a
	// word shows no other way; pings keep connections with a slow answer alive, and what rests for too long is
	// http3's to end.
	deadAfter = 45 * time.Second
	pingEvery = 20 * time.Second // less than the 30 s after which many NATs forget a UDP flow

	// The windows are what a client may send before anybody reads it. quic-go lets them grow to the maximum
	// while they are read as fast as they fill.
	streamWindow    = 256 << 10
	maxStreamWindow = 4 << 20
	connWindow      = 512 << 10
	maxConnWindow   = 8 << 20

	// uniStreams is how many unidirectional streams a client may have at once: one for control, two for QPACK,
	// and those of extensions, which end at once (RFC 9114 §6.2).
	uniStreams = 16
	// maxUniStreams is how many it may open at all.
	maxUniStreams = 256
)

// quicConfig returns what a connection under l is given.
func quicConfig(l *Limits, handshake time.Duration) *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:           handshake / 2, // the whole may take twice that
		MaxIdleTimeout:                 deadAfter,
		KeepAlivePeriod:                pingEvery,
		InitialStreamReceiveWindow:     streamWindow,
		MaxStreamReceiveWindow:         maxStreamWindow,
		InitialConnectionReceiveWindow: connWindow,
		MaxConnectionReceiveWindow:     maxConnWindow,
		MaxIncomingStreams:             int64(l.streams()),
		MaxIncomingUniStreams:          uniStreams,
	}
}

// openH3 opens HTTP/3 on a QUIC connection: SETTINGS are sent, and handler gets the requests of the streams that
// raw is given.
func openH3(conn *quic.Conn, l *Limits, handler http.Handler) (raw *http3.RawServerConn, control *quic.SendStream, err error) {
	s := &http3.Server{Handler: handler, MaxHeaderBytes: sectionBytes(l), IdleTimeout: l.IdleTimeout}
	return newRawServerConn(s, conn)
}

// fieldOverhead is what RFC 9114 §4.2.2 adds to a field's name and value.
const fieldOverhead = 32

// sectionBytes bounds the field sections that http3 decodes. It leaves room for the hall, whose limits are those
// of the config, to say itself what is too large.
func sectionBytes(l *Limits) int {
	return 2*l.Head.HeadBytes + fieldOverhead*l.Head.Fields
}

// goAway is a GOAWAY frame (RFC 9114 §7.2.6): requests from stream next on are not served.
func goAway(next quic.StreamID) []byte {
	id := uint64(next)
	frame := []byte{0x07, 8, 0xc0 | byte(id>>56), 0, 0, 0, 0, 0, 0, 0}
	for i := 1; i < 8; i++ {
		frame[2+i] = byte(id >> (56 - 8*i))
	}
	return frame
}

// resetByClient reports whether the client has asked for no more of a stream's answer.
func resetByClient(cause error) bool {
	var reset *quic.StreamError
	return errors.As(cause, &reset) && reset.Remote
}

// handshakeTimeout is why a handshake has failed that was too slow.
const handshakeTimeout = "timeout"

// whyNotShaken says why a handshake has failed, in the words of the metrics.
func whyNotShaken(cause error) string {
	var (
		idle      *quic.IdleTimeoutError
		handshake *quic.HandshakeTimeoutError
		transport *quic.TransportError
	)
	switch {
	case errors.As(cause, &idle), errors.As(cause, &handshake):
		return handshakeTimeout
	case errors.As(cause, &transport) && !transport.Remote && badClientCert(int(transport.ErrorCode)-cryptoError):
		return "client_certificate"
	}
	return "other"
}

// cryptoError is what is added to a TLS alert to make it an error of QUIC (RFC 9001 §4.8).
const cryptoError = 0x100

// badClientCert reports whether that alert (RFC 8446 §6) is what a server sends of a client's certificate.
func badClientCert(alert int) bool {
	return alert >= 42 && alert <= 46 || alert == 48 || alert == 116
}
