package wire

import (
	"testing"

	"weir/http7"
)

func TestSmoke(t *testing.T) {
	var p RequestParser
	var r Request
	var h http7.Header
	in := "POST /a?b HTTP/1.1\r\nHost: x\r\nConnection: foo\r\nFoo: 1\r\nTransfer-Encoding: chunked\r\n\r\nxx"
	n, f := p.Parse([]byte(in), &Limits{16384, 100, 8192}, &r, &h)
	t.Logf("%d %v %+v %q", n, f, r, h.AppendLines(nil, 0))
}
