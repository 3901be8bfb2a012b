package serve

import (
	"bufio"
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2"
)

// framed is an endpoint of HTTP/2 that answers every GET with 200 and five bytes, and costs as little as can be.
func framed(t testing.TB) string {
	return origin(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(r, preface); err != nil {
			return
		}
		head := make([]byte, 9)
		body := make([]byte, 16<<10)
		out := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0} // SETTINGS
		for {
			if len(out) > 0 {
				if _, err := c.Write(out); err != nil {
					return
				}
				out = out[:0]
			}
			if _, err := io.ReadFull(r, head); err != nil {
				return
			}
			n := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
			if _, err := io.ReadFull(r, body[:n]); err != nil {
				return
			}
			switch head[3] {
			case 1: // HEADERS
				id := head[5:9]
				out = append(append(append(out, 0, 0, 1, 1, 4), id...), 0x88)                    // :status 200
				out = append(append(append(out, 0, 0, 5, 0, 1), id...), 'h', 'e', 'l', 'l', 'o') // the end
			case 4: // SETTINGS
				if head[4]&1 == 0 {
					out = append(out, 0, 0, 0, 4, 1, 0, 0, 0, 0)
				}
			}
		}
	})
}

func BenchmarkProxiedGetToH2(b *testing.B) {
	r := newRigWith(b, toH2, framed(b))
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	request := []byte("GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n")
	answer := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		for got := ""; len(got) < 9 || got[len(got)-9:] != "hello\r\n0\r" && got[len(got)-5:] != "0\r\n\r\n"; {
			n, err := c.Read(answer)
			if err != nil {
				b.Fatal(err)
			}
			got += string(answer[:n])
		}
	}
}
