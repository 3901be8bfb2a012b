package serve

import (
	"bytes"
	"strconv"
	"time"

	"weir/http7"
	"weir/internal/deadline"
)

// heedTimeout lets a gRPC client's own deadline bound the exchange.
func (x *exchange) heedTimeout() {
	h := &x.Request
	if !h.Has(http7.ContentType) || !bytes.HasPrefix(h.Get(http7.ContentType), grpcType) {
		return
	}
	x.grpc = true
	if d, ok := parseGRPCTimeout(h.Get(http7.GRPCTimeout)); ok {
		if at := deadline.At(x.Arrival) + int64(d); x.limit == 0 || at < x.limit {
			x.limit = at
		}
	}
}

var grpcType = []byte("application/grpc")

// appendTimeLeft tells the endpoint how much time is left at now: in grpc-timeout for gRPC, in
// X-Timeout-Ms, milliseconds rounded down, for others. What the client says in these does not pass
// where Weir knows better; X-Timeout-Ms never does. Of a request for a tunnel the time is that to the answer's head,
// which would be taken for the tunnel's.
func (x *exchange) appendTimeLeft(dst []byte, skip http7.IDSet, now int64) ([]byte, http7.IDSet) {
	skip |= http7.Names(http7.XTimeoutMs)
	if x.limit == 0 || x.Upgrade != nil {
		return dst, skip
	}
	left := time.Duration(max(x.limit-now, 1))
	if x.grpc {
		dst = appendGRPCTimeout(append(dst, "grpc-timeout: "...), left)
		return append(dst, "\r\n"...), skip | http7.Names(http7.GRPCTimeout)
	}
	return appendTimeoutMs(dst, left), skip
}

func appendTimeoutMs(dst []byte, left time.Duration) []byte {
	dst = strconv.AppendInt(append(dst, "X-Timeout-Ms: "...), int64(left/time.Millisecond), 10)
	return append(dst, "\r\n"...)
}

// grpcUnits are those of grpc-timeout, in rising order
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
var grpcUnits = [...]struct {
	unit byte
	span time.Duration
}{
	{'n', time.Nanosecond}, {'u', time.Microsecond}, {'m', time.Millisecond},
	{'S', time.Second}, {'M', time.Minute}, {'H', time.Hour},
}

// maxGRPCDigits is how many digits grpc-timeout may have.
const maxGRPCDigits = 8

// parseGRPCTimeout reads a grpc-timeout: up to eight digits and a unit.
func parseGRPCTimeout(b []byte) (d time.Duration, ok bool) {
	if len(b) < 2 || len(b) > maxGRPCDigits+1 {
		return 0, false
	}
	n, ok := parseDigits(b[:len(b)-1])
	if !ok {
		return 0, false
	}
	for _, u := range grpcUnits {
		if u.unit == b[len(b)-1] {
			return min(time.Duration(n), maxGRPCTimeout/u.span) * u.span, true
		}
	}
	return 0, false
}

// maxGRPCTimeout is what longer timeouts are taken for: it does not overflow the clock.
const maxGRPCTimeout = 10 * 365 * 24 * time.Hour

// appendGRPCTimeout appends d in the finest unit that eight digits hold, rounded down.
func appendGRPCTimeout(dst []byte, d time.Duration) []byte {
	for _, u := range grpcUnits {
		if n := d / u.span; n < 1e8 {
			return append(strconv.AppendInt(dst, int64(n), 10), u.unit)
		}
	}
	return append(dst, "99999999H"...)
}

// parseDigits reads an unsigned decimal number of at most 18 digits.
func parseDigits(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// retryAfter returns how long an answer asks to be left alone (RFC 9110 §10.2.3), 0 if it does not
// say or can't be understood.
func retryAfter(h *http7.Header, now time.Time) time.Duration {
	v := h.Get(http7.RetryAfter)
	if len(v) == 0 {
		return 0
	}
	if n, ok := parseDigits(v); ok {
		return time.Duration(min(n, int64(time.Hour/time.Second))) * time.Second
	}
	at, err := time.Parse(httpDate, string(v))
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), time.Hour)
}

// httpDate is the layout of an IMF-fixdate (RFC 9110 §5.6.7).
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"
