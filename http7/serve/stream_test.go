package serve

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// echo is an origin that sends a body back while it comes, in the same framing.
func echo(t testing.TB) string {
	return origin(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if n := request.ContentLength; n >= 0 {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.FormatInt(n, 10)+"\r\n\r\n")
				_, err = io.Copy(c, request.Body)
			} else {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
				w := chunkWriter{c}
				if _, err = io.CopyBuffer(w, struct{ io.Reader }{request.Body}, make([]byte, 10_000)); err == nil {
					_, err = io.WriteString(c, "0\r\n\r\n")
				}
			}
			if err != nil {
				return
			}
		}
	})
}

type chunkWriter struct{ w io.Writer }

func (c chunkWriter) Write(b []byte) (int, error) {
	out := append([]byte(strconv.FormatInt(int64(len(b)), 16)+"\r\n"), b...)
	_, err := c.w.Write(append(out, "\r\n"...))
	return len(b), err
}

func TestUploadAndAnswerStreamAtTheSameTime(t *testing.T) {
	t.Parallel()
	const size = 10 << 20
	r := newRig(t, echo(t))
	block := make([]byte, 64<<10)
	for i := range block {
		block[i] = byte(i * 7)
	}
	for _, chunked := range []bool{false, true} {
		cl := r.client()
		for range 2 { // the connection lives on
			sum := make(chan [32]byte, 1)
			go func() { // the upload; ends when all is sent
				h, w := sha256.New(), io.Writer(cl)
				if chunked {
					cl.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
					w = chunkWriter{cl}
				} else {
					cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10485760\r\n\r\n")
				}
				for at := 0; at < size; at += len(block) {
					block[at%len(block)]++
					_, _ = io.MultiWriter(w, h).Write(block)
				}
				if chunked {
					cl.send("0\r\n\r\n")
				}
				sum <- [32]byte(h.Sum(nil))
			}()
			res, err := http.ReadResponse(cl.r, &http.Request{Method: "POST"})
			if err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			n, err := io.Copy(h, res.Body)
			if err != nil || n != size || [32]byte(h.Sum(nil)) != <-sum {
				t.Fatalf("chunked %v: %d bytes, %v", chunked, n, err)
			}
		}
	}
}

func TestAnAnswerStreamsWhileTheUploadWaits(t *testing.T) {
	t.Parallel()
	cl := newRig(t, echo(t)).client()
	cl.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	if head, err := readHead(cl.r); err != nil || !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Fatalf("%q, %v", head, err)
	}
	for range 20 { // each word is answered before the next is sent
		cl.send("5\r\nhello\r\n")
		got := make([]byte, 10)
		if _, err := io.ReadFull(cl.r, got); err != nil || string(got) != "5\r\nhello\r\n" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	cl.send("0\r\n\r\n")
	if end, err := readHead(cl.r); end != "0\r\n" && err != nil {
		t.Fatalf("%q, %v", end, err)
	}
}

func TestASlowReaderHoldsTheEndpointBackInBoundedMemory(t *testing.T) {
	const clients = 20
	var wrote atomic.Int64
	r := newRig(t, origin(t, func(c net.Conn) {
		_ = c.(*net.TCPConn).SetWriteBuffer(64 << 10)
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
		b := make([]byte, 64<<10)
		for {
			if _, err := c.Write(b); err != nil {
				return
			}
			wrote.Add(int64(len(b)))
		}
	}))
	before := heap()
	var all []*client
	for range clients {
		cl := r.client()
		_ = cl.Conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		all = append(all, cl)
	}
	total := int64(-1)
	for now := wrote.Load(); now != total; now = wrote.Load() { // until nobody takes more
		total = now
		<-time.After(200 * time.Millisecond)
	}
	grown := heap() - before
	t.Logf("%d clients that read nothing: the endpoint wrote %d KiB for each, the heap grew by %d KiB for each", clients, total/clients>>10, grown/clients>>10)
	if perClient := total / clients; perClient > 8<<20 {
		t.Errorf("%d bytes were taken from the endpoint for each client that reads nothing", perClient)
	}
	if grown > clients*256<<10 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	for _, cl := range all {
		_ = cl.Close()
	}
	r.idle(t)
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestDrainEndsIdleConnectionsAndTellsTheOthers(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	o := newRecorder(t, func(request string) string {
		if strings.HasPrefix(request, "GET /slow") {
			<-release
		}
		return hello
	})
	r := newRig(t, o.addr)
	begin := time.Now()
	idle, fresh, busy, pipelined := r.client(), r.client(), r.client(), r.client()
	idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	idle.want(200, "hello")
	busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	pipelined.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, "both are at the origin", func() bool { whole, _ := o.seen(); return len(whole) == 3 })
	pipelined.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")

	empty := r.engine.Drain()
	idle.ends()
	fresh.ends()
	if took := time.Since(begin); took < quiet || took > ample {
		t.Errorf("what was idle ended after %v, want %v or a little more", took, quiet)
	}
	select {
	case <-empty:
		t.Fatal("empty while an exchange is under way")
	default:
	}
	close(release)
	for _, cl := range []*client{busy, pipelined} {
		status, h, body, err := cl.answer("GET")
		if status != 200 || body != "hello" || err != nil || h.Get("Connection") != "close" {
			t.Errorf("%d %q, %v, Connection %q", status, body, err, h.Get("Connection"))
		}
		cl.ends()
		_ = cl.Close()
	}
	comes(t, "the end of the drain", empty)
}

func TestARequestThatComesDuringADrainIsAnswered(t *testing.T) {
	t.Parallel()
	repeatedly(t, func() error { // until it comes before the drain has closed what is quiet
		r := newRig(t, saying(t, hello))
		cl := r.client()
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		cl.want(200, "hello")
		r.engine.Drain()
		<-time.After(quiet / 4)
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		status, h, _, err := cl.answer("GET")
		if status != 200 || err != nil || h.Get("Connection") != "close" {
			return fmt.Errorf("%d, %w, Connection %q", status, err, h.Get("Connection"))
		}
		cl.ends()
		return nil
	})
}

func TestCutEndsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	addr, asked, ended := silent(t)
	r := newRig(t, addr)
	idle, busy, uploading := r.client(), r.client(), r.client()
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	uploading.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	<-asked
	<-asked
	empty := r.engine.Drain()
	r.engine.Cut()
	comes(t, "the end of the connections", empty)
	for range 2 {
		comes(t, "the end of an endpoint's connection", ended)
	}
	for _, cl := range []*client{idle, busy, uploading} {
		_, _ = io.Copy(io.Discard, cl.r)
	}
}

func TestAHandlerAnswersWithTheBodyItWasGiven(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) {
		r.route.Handler = func(ctx *fasthttp.RequestCtx) {
			ctx.SetContentType("text/plain")
			_, _ = ctx.Write(append([]byte("got "), ctx.PostBody()...))
		}
	})
	cl := r.client()
	for _, body := range []string{"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"} {
		cl.send("POST / HTTP/1.1\r\nHost: a\r\n" + body)
		cl.want(200, "got hello")
	}
	cl.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
	if status, h, body, err := cl.answer("HEAD"); status != 200 || h.Get("Content-Length") != "4" || body != "" || err != nil {
		t.Errorf("HEAD: %d %v %q %v", status, h, body, err)
	}
	cl.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	cl.want(200, "got ")
	cl.ends()
}
