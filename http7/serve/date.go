package serve

import (
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// dateLine is the Date field of one second, ready to be sent.
type dateLine struct {
	second int64
	line   []byte
}

// lastDate is the date line made last; it is made anew once a second.
var lastDate atomic.Pointer[dateLine]

// appendDate appends the Date field (RFC 9110 §6.6.1) for an answer that came without one.
func appendDate(dst []byte) []byte {
	now := time.Now()
	d := lastDate.Load()
	if d == nil || d.second != now.Unix() {
		d = &dateLine{second: now.Unix(), line: append(fasthttp.AppendHTTPDate([]byte("Date: "), now), "\r\n"...)}
		lastDate.Store(d)
	}
	return append(dst, d.line...)
}
