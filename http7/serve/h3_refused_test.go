package serve

import (
	"bufio"
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// outcome is what came of a stream: the status of its answer, or the code that it was reset with.
func (c *rawH3) outcome(str *quic.Stream) string {
	if s := c.status(str); s != "" {
		return s
	}
	_, err := str.Read(make([]byte, 1))
	return codeOf(err)
}

// What is not HTTP/3 is reset with H3_MESSAGE_ERROR (RFC 9114 §4.1.2); what Weir does not serve is answered. The
// endpoint hears of none, and the connection goes on.
func TestH3MalformedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	const malformed = "0x10e"
	pseudo := []string{":method: GET", ":scheme: https", ":authority: localhost", ":path: /"}
	with := func(fields ...string) []byte { return getHead("/", fields...) }
	for _, c := range []struct {
		name string
		head []byte
		want string
	}{
		{"a field of the connection", with("connection: close"), malformed},
		{"keep-alive", with("keep-alive: 1"), malformed},
		{"proxy-connection", with("proxy-connection: close"), malformed},
		{"a transfer coding", with("transfer-encoding: chunked"), malformed},
		{"upgrade", with("upgrade: websocket"), malformed},
		{"te beside trailers", with("te: gzip"), malformed},
		{"an upper-case name", with("X-Name: 1"), malformed},
		{"a name with a space", with("x y: 1"), malformed},
		{"a value with a line end", with("x: a\r\ny: b"), malformed},
		{"a value with a NUL", with("x: a\x00b"), malformed},
		{"no path", headers(pseudo[:3]...), malformed},
		{"no authority", headers(pseudo[0], pseudo[1], pseudo[3]), malformed},
		{"no method", headers(pseudo[1:]...), malformed},
		{"two paths", headers(append(pseudo, ":path: /b")...), malformed},
		{"an unknown pseudo-header field", headers(append(pseudo, ":what: 1")...), malformed},
		{"a status", headers(append(pseudo, ":status: 200")...), malformed},
		{"a pseudo-header field behind a field", headers(append([]string{"x: 1"}, pseudo...)...), malformed},
		{"host and authority differ", with("host: elsewhere"), malformed},
		{"userinfo", headers(pseudo[0], pseudo[1], ":authority: me@localhost", pseudo[3]), malformed},
		{"an absolute path", headers(pseudo[0], pseudo[1], pseudo[2], ":path: https://elsewhere/"), malformed},
		{"a path with a space", headers(pseudo[0], pseudo[1], pseudo[2], ":path: /a b"), "400"},
		{"a method that is no token", headers(":method: G(T", pseudo[1], pseudo[2], pseudo[3]), malformed},
		{"a length that is no number", with("content-length: five"), malformed},
		{"two lengths", with("content-length: 5", "content-length: 6"), malformed},
		{"a negative length", with("content-length: -1"), malformed},
		{"CONNECT", headers(":method: CONNECT", ":authority: localhost:80"), "405"},
		{"TRACE", headers(":method: TRACE", pseudo[1], pseudo[2], pseudo[3]), "405"},
		{"a path in two ways", headers(pseudo[0], pseudo[1], pseudo[2], ":path: /a/%2e%2e/b"), "400"},
		{"a host with a percent sign", headers(pseudo[0], pseudo[1], ":authority: local%68ost", pseudo[3]), "400"},
		{"a section that QPACK does not know", []byte{0x01, 0x03, 0x00, 0x00, 0xff}, "0x200"}, // QPACK_DECOMPRESSION_FAILED
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newRecorder(t, okFor)
			conn := newH3Front(t, newRig(t, o.addr)).raw()
			str := conn.open(c.head)
			_ = str.Close()
			if got := conn.outcome(str); got != c.want {
				t.Errorf("it came to %s, want %s", got, c.want)
			}
			if whole, _ := o.seen(); len(whole) > 0 {
				t.Errorf("the endpoint got %q", whole)
			}
			good := conn.open(getHead("/"))
			_ = good.Close()
			if got := conn.outcome(good); got != "200" {
				t.Errorf("a good request behind it came to %s", got)
			}
		})
	}
}

// These break the connection, as RFC 9114 wants it.
func TestH3WhatIsNoRequestStreamEndsTheConnection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"data before headers", data("x"), "0x105"},        // H3_FRAME_UNEXPECTED
		{"SETTINGS", []byte{0x04, 0x00}, "0x105"},          //
		{"a frame of HTTP/2", []byte{0x08, 0x00}, "0x105"}, //
	} {
		conn := newH3Front(t, newRig(t, saying(t, hello))).raw()
		_ = conn.open(c.bytes).Close()
		if got := conn.ended(); got != c.want {
			t.Errorf("%s: the connection ended with %s, want %s", c.name, got, c.want)
		}
	}
}

func TestH3ContentLengthThatLiesIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		parts [][]byte
		want  string
	}{
		{"too little", [][]byte{postHead("/", "content-length: 10"), data("half")}, "400"},
		{"nothing", [][]byte{postHead("/", "content-length: 10")}, "400"},
		{"too much", [][]byte{postHead("/", "content-length: 2"), data("more than that")}, "0x10e"}, // H3_MESSAGE_ERROR
		{"a body where none is", [][]byte{getHead("/", "content-length: 0"), data("x")}, "0x10e"},
	} {
		o := newRecorder(t, okFor)
		conn := newH3Front(t, newRigWith(t, once, o.addr)).raw()
		str := conn.open(slices.Concat(c.parts...))
		_ = str.Close()
		if got := conn.outcome(str); got != c.want {
			t.Errorf("%s: it came to %s, want %s", c.name, got, c.want)
		}
		if whole, _ := o.seen(); len(whole) > 0 {
			t.Errorf("%s: the endpoint got %q", c.name, whole)
		}
	}
}

func TestH3TrailersBehindNoBodyPass(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	conn := newH3Front(t, newRig(t, o.addr)).raw()
	str := conn.open(slices.Concat(postHead("/", "content-length: 0"), headers("x-up: a")))
	_ = str.Close()
	if got := conn.outcome(str); got != "200" {
		t.Errorf("it came to %s", got)
	}
	if whole, _ := o.seen(); len(whole) != 1 || !strings.HasSuffix(whole[0], "\r\n\r\n0\r\nX-Up: a\r\n\r\n") {
		t.Errorf("the endpoint got %q", whole)
	}
}

func TestH3LimitsOfTheHeadHold(t *testing.T) {
	t.Parallel()
	many := make([]string, 150)
	for i := range many {
		many[i] = "x: 1"
	}
	for _, c := range []struct {
		name string
		head []byte
		want string
	}{
		{"just fits", getHead("/", "x: "+strings.Repeat("a", 15<<10)), "200"},
		{"too many bytes", getHead("/", "x: "+strings.Repeat("a", 17<<10)), "431"},
		{"far too many bytes", getHead("/", "x: "+strings.Repeat("a", 1<<20)), "431"},
		{"too many fields", getHead("/", many...), "431"},
		{"a target that is too long", getHead("/" + strings.Repeat("a", 9<<10)), "414"},
	} {
		conn := newH3Front(t, newRig(t, saying(t, hello))).raw()
		str := conn.open()
		go func() { // ends with the write: a large head is refused before it is whole
			_, _ = str.Write(c.head)
			_ = str.Close()
		}()
		if got := conn.outcome(str); got != c.want {
			t.Errorf("%s: it came to %s, want %s", c.name, got, c.want)
		}
	}
}

// A small section may stand for much: QPACK's static table has fields of up to 72 bytes in one.
func TestH3ABombOfQPACKIsRefused(t *testing.T) {
	t.Parallel()
	head := getHead("/")
	section := head[2:] // behind type and length: it is short
	for range 60_000 {  // 5 MB in 60 KB
		section = append(section, 0xc0|0x3f, 0x55-0x3f) // content-security-policy, of the static table
	}
	frame := append([]byte{0x01, 0x80 | byte(len(section)>>24), byte(len(section) >> 16), byte(len(section) >> 8), byte(len(section))}, section...)
	r := newRig(t, saying(t, hello))
	conn := newH3Front(t, r).raw()
	str := conn.open()
	go func() { // ends with the write
		_, _ = str.Write(frame)
		_ = str.Close()
	}()
	if got := conn.outcome(str); got != "431" {
		t.Errorf("it came to %s, want 431", got)
	}
	becomes(t, "bombs", "1", func() string { return r.defended("header_bomb") })
}

func TestH3ABodyThatStopsEndsWithATimeout(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	r := newRigWith(t, func(r *rig) {
		r.route.Timeout = 2 * time.Second // for the request arrives first
	}, origin(t, func(c net.Conn) {
		br := bufio.NewReader(c)
		if _, err := readHead(br); err == nil {
			arrived <- struct{}{}
			_, _ = io.Copy(io.Discard, br)
		}
	}))
	conn := newH3Front(t, r).raw()
	str := conn.open(postHead("/"), data("some"))
	<-arrived
	if got := conn.outcome(str); got != "504" {
		t.Errorf("it came to %s, want 504 of the route's timeout", got)
	}
	if conn.Context().Err() != nil {
		t.Errorf("the connection has ended: %v", context.Cause(conn.Context()))
	}
}
