package health

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
)

// Whatever an endpoint answers: no panic, an end, and the same verdict however it arrives.
func FuzzAnswerOfAnHTTPProbe(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 500 No\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/9.9 999 \r\n\r\n",
		"\r\n\r\n", "",
	} {
		f.Add([]byte(seed))
	}
	c := DefaultHTTP()
	c.Body = "ok"
	f.Fuzz(func(t *testing.T, answer []byte) {
		whole := c.judge(bytes.NewReader(answer))
		trickled := c.judge(iotest.OneByteReader(bytes.NewReader(answer)))
		if (whole == nil) != (trickled == nil) {
			t.Errorf("%q: %v at once, %v byte by byte", answer, whole, trickled)
		}
		if whole == nil && !bytes.Contains(answer, []byte("HTTP/")) {
			t.Errorf("%q: fit", answer)
		}
	})
}

func FuzzAnswerOfATCPProbe(f *testing.F) {
	f.Add("220 mail ready\r\n", "220 ")
	f.Add("aaab", "aab")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, answer, expect string) {
		if expect == "" || len(answer) > maxAnswer {
			return
		}
		want := strings.Contains(answer, expect)
		if got := await(strings.NewReader(answer), []byte(expect)) == nil; got != want {
			t.Errorf("%q in %q at once: %v", expect, answer, got)
		}
		if got := await(iotest.OneByteReader(strings.NewReader(answer)), []byte(expect)) == nil; got != want {
			t.Errorf("%q in %q byte by byte: %v", expect, answer, got)
		}
	})
}

// Whatever an endpoint sends as a message: no panic, and SERVING only where protobuf reads it too.
func FuzzAnswerOfAGRPCProbe(f *testing.F) {
	for _, seed := range []string{
		"\x00\x00\x00\x00\x02\x08\x01", "\x00\x00\x00\x00\x02\x08\x02", "\x01\x00\x00\x00\x02\x08\x01",
		"\x00\x00\x00\x00\x04\x08\x02\x08\x01", "\x00\x00\x00\x00\x03\x0a\x01x", "\x00\xff\xff\xff\xff", "\x00\x00\x00\x00\x02\x0b\x0c", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if servingStatus(body) != nil {
			return
		}
		var m grpc_health_v1.HealthCheckResponse
		if err := proto.Unmarshal(body[5:], &m); err != nil || m.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("%x is SERVING; protobuf reads %v, %v", body, m.GetStatus(), err)
		}
	})
}
