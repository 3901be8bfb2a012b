package serve

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

func TestAnEndpointThatTakesAnUploadSlowlyMayAnswerMeanwhile(t *testing.T) {
	t.Parallel()
	// The deadline for the client's next body byte went on while the endpoint took none of those
	// that were there; it passed, and the next write of the answer failed.
	r := newRig(t, origin(t, func(c net.Conn) {
		_, _ = readHead(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 14 {
			<-time.After(500 * time.Millisecond)
			_, _ = io.WriteString(c, "1\r\nx\r\n")
		}
		_, _ = io.WriteString(c, "0\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
	}))
	cl := r.client()
	go func() { // the upload; ends with the connection
		cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" + strings.Repeat("b", 50<<20))
	}()
	if _, _, body, err := cl.answer("POST"); err != nil || len(body) != 14 {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestAClientThatNeitherSendsNorReadsIsCut(t *testing.T) {
	t.Parallel()
	// Where the pump's deadline passed it was taken back before a write that it had woken could see it.
	r := newRigWith(t, nil, origin(t, func(c net.Conn) {
		_, _ = readHead(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		chunk := fmt.Sprintf("%x\r\n%s\r\n", 32<<10, strings.Repeat("a", 32<<10))
		for {
			if _, err := io.WriteString(c, chunk); err != nil {
				return
			}
		}
	}))
	for range 20 {
		cl := r.client()
		cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
	}
	eventually(t, "the clients have come", func() bool { return !r.nobody() })
	eventually(t, "the connections have gone", r.nobody)
}

func TestAClientThatReadsSlowlyDuringItsUploadDoesNotStallTheEndpoint(t *testing.T) {
	t.Parallel()
	// The clock of between_reads went on while the client, not the endpoint, held the answer up.
	const size = 6 << 20 // more than the client's connection holds
	const d = 700 * time.Millisecond
	repeatedly(t, func() error { // until the endpoint is fast enough, and the upload does not pause too long
		r := newRigWith(t, func(r *rig) { r.forward.Timeouts.BetweenReads = conf.Dur(d) }, origin(t, func(c net.Conn) {
			_, _ = readHead(bufio.NewReader(c))
			_, _ = io.WriteString(c, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)+strings.Repeat("a", size))
			_, _ = io.Copy(io.Discard, c)
		}))
		cl := r.narrowClient()
		cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
		<-time.After(2 * d)
		if _, _, body, err := cl.answer("POST"); err != nil || len(body) != size {
			return fmt.Errorf("got %d bytes, %w", len(body), err)
		}
		return nil
	})
}

func TestAStreamThatFailsBeforeItsFirstByteCountsTheAnswerThatWasSent(t *testing.T) {
	t.Parallel()
	// Bytes that were thrown away with the endpoint's answer were counted as sent.
	p := &scripted{}
	r := newRigWith(t, func(r *rig) { r.route.Steps = []http7.Step{p.step("a.b")} },
		answering(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n").addr)
	got := r.say(get)
	_, body, _ := strings.Cut(got, "\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 502 ") {
		t.Fatalf("got %q", got)
	}
	var b strings.Builder
	r.series.WritePrometheus(&b)
	if want := fmt.Sprintf(" %d\n", len(body)); !strings.Contains(b.String(), want) {
		t.Errorf("%d bytes were sent; metrics: %s", len(body), b.String())
	}
}
