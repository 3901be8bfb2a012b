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
	text   string // the value alone
}

// lastDate is the date line made last; it is made anew once a second.
var lastDate atomic.Pointer[dateLine]

// appendDate appends the Date field (RFC 9110 §6.6.1) for an answer that came without one.
func appendDate(dst []byte) []byte { return append(dst, dateNow().line...) }

// dateText returns the field's value.
func dateText() string { return dateNow().text }

func dateNow() *dateLine {
	now := time.Now()
	d := lastDate.Load()
	if d == nil || d.second != now.Unix() {
		line := append(fasthttp.AppendHTTPDate([]byte("Date: "), now), "\r\n"...)
		d = &dateLine{second: now.Unix(), line: line, text: string(line[len("Date: ") : len(line)-len("\r\n")])}
		lastDate.Store(d)
	}
	return d
}
