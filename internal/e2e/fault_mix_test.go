//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// mix is the load of the fault test. Its workers know what may become of a use while endpoints fail,
// and keep what may not.
type mix struct {
	ctx     context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	outcomes  map[string]int // by kind of use and what came of it
	wrong     []lapse        // what must not happen
	confirmed map[string]bool
}

// lapse is a use that ended as none must.
type lapse struct {
	kind       string
	begin, end time.Time
	err        error
}

func (l lapse) String() string {
	return fmt.Sprintf("%s %s: after %v: %v", l.end.Format("05.000"), l.kind, l.end.Sub(l.begin), l.err)
}

// unserved is the answer that stands for an endpoint's.
type unserved struct {
	status int
	body   []byte
}

func (u unserved) Error() string { return fmt.Sprintf("status %d: %s", u.status, u.body) }

// The outcomes of a use that must not be counted as wrong.
const (
	whole   = "whole"
	cutOff  = "visibly cut"
	refusal = "answered by Weir with 502, 503 or 504"
)

// sessions is the kind of uses that Weir may end by a reset whenever no endpoint takes them.
const sessions = "session"

func newMix(t *testing.T) *mix {
	m := &mix{outcomes: map[string]int{}, confirmed: map[string]bool{}}
	m.ctx, m.end = context.WithCancel(context.Background())
	t.Cleanup(m.stop)
	return m
}

// stop lets every worker end its use and returns when all have.
func (m *mix) stop() {
	m.end()
	m.running.Wait()
}

// use is one use of a connection. It returns what came of it, and an error if that must not happen.
// again says whether the connection can carry another.
type use func(nc net.Conn, r *bufio.Reader, n int) (outcome string, again bool, err error)

// work starts workers that make uses of a kind until the load ends, with a short rest after each.
func (m *mix) work(workers int, kind, address string, do use) {
	for w := range workers {
		m.running.Go(func() {
			for n := w << 32; m.ctx.Err() == nil; {
				n = m.connection(kind, address, n, do)
			}
		})
	}
}

// connection makes uses of one connection, numbered from n on, and returns the next number.
func (m *mix) connection(kind, address string, n int, do use) int {
	nc, err := connect(address)
	if err != nil {
		if kind == sessions && errors.Is(err, syscall.ECONNRESET) { // taken, and reset before connect has looked
			m.note(kind, cutOff, time.Now(), nil)
		} else {
			m.note(kind, "no connection", time.Now(), err)
		}
		hold(rest)
		return n
	}
	defer nc.Close()
	r := bufio.NewReader(nc)
	for again := true; again && m.ctx.Err() == nil; hold(rest) {
		_ = nc.SetDeadline(time.Now().Add(patience)) // a dead connection says so when it is used
		var outcome string
		begin := time.Now()
		outcome, again, err = do(nc, r, n)
		m.note(kind, outcome, begin, err)
		n++
	}
	return n
}

const rest = 4 * time.Millisecond

func (m *mix) note(kind, outcome string, begin time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outcomes[kind+" "+outcome]++
	if err != nil {
		m.wrong = append(m.wrong, lapse{kind, begin, time.Now(), err})
	}
}

// fetch is a GET whose whole body is as judged. While an endpoint is sound it must be answered with
// 200; what is cut after that must show.
func (m *mix) fetch(path string, right func(body []byte) bool) use {
	request := "GET " + path + " HTTP/1.1\r\nHost: weir.test\r\n\r\n"
	return func(nc net.Conn, r *bufio.Reader, _ int) (string, bool, error) {
		resp, body, err := roundTrip(nc, r, request)
		switch {
		case resp == nil:
			return "lost", false, err
		case resp.StatusCode != 200:
			return "refused", !resp.Close, unserved{resp.StatusCode, body}
		case err != nil:
			return timely(cutOff, err)
		case !right(body):
			return "wrong", false, fmt.Errorf("%d bytes that look whole: %.60q", len(body), body)
		}
		return whole, !resp.Close, nil
	}
}

// timely is for an end that may come, though not by waiting for it in vain.
func timely(outcome string, err error) (string, bool, error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "hung", false, err
	}
	return outcome, false, nil
}

// roundTrip returns no answer if there was no whole head.
func roundTrip(nc net.Conn, r *bufio.Reader, request string) (*http.Response, []byte, error) {
	if _, err := io.WriteString(nc, request); err != nil {
		return nil, nil, fmt.Errorf("write: %w", err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("head: %w", err)
	}
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// post sends a line of its own each time, which an endpoint notes in the journal. It may fail, by an
// answer of Weir's or visibly; it is never done twice.
func (m *mix) post(nc net.Conn, r *bufio.Reader, n int) (string, bool, error) {
	line := fmt.Sprintf("post %d %s\n", n, strings.Repeat("x", n%3000))
	resp, body, err := roundTrip(nc, r, fmt.Sprintf("POST /journal HTTP/1.1\r\nHost: weir.test\r\nContent-Length: %d\r\n\r\n%s", len(line), line))
	switch {
	case resp == nil:
		return "lost", false, err
	case resp.StatusCode == 502, resp.StatusCode == 503, resp.StatusCode == 504:
		return refusal, err == nil && !resp.Close, err
	case resp.StatusCode != 200:
		return "refused", false, fmt.Errorf("status %d: %s", resp.StatusCode, body)
	case err != nil:
		return timely(cutOff, err)
	case string(body) != fmt.Sprintf("%d <nil>", len(line)):
		return "wrong", false, fmt.Errorf("%d bytes were sent, the answer is %q", len(line), body)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.confirmed[line] = true
	return whole, !resp.Close, nil
}

// session exchanges a few messages and ends its side. The session may be cut; what comes back is
// never anything else than what was sent.
func (m *mix) session(nc net.Conn, r *bufio.Reader, n int) (string, bool, error) {
	for i := range 5 {
		message := bytes.Repeat(fmt.Appendf(nil, "session %d message %d\n", n, i), 1+n*i%400)
		if _, err := nc.Write(message); err != nil {
			return timely(cutOff, err)
		}
		back := make([]byte, len(message))
		k, err := io.ReadFull(r, back)
		if !bytes.HasPrefix(message, back[:k]) {
			return "wrong", false, fmt.Errorf("sent %.60q, got back %.60q", message, back[:k])
		}
		if err != nil {
			return timely(cutOff, err)
		}
	}
	if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
		return timely(cutOff, err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		if len(rest) > 0 {
			return "wrong", false, fmt.Errorf("%d bytes too many", len(rest))
		}
		return timely(cutOff, err)
	}
	return whole, false, nil
}

// verify fails the test for what must not have happened. A use during which no endpoint was sound throughout may
// have met each of them at a bad moment, and be refused; lost says of which uses that is true.
func (m *mix) verify(t *testing.T, lost func(begin, end time.Time) bool) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	t.Logf("what came of the uses: %v", m.outcomes)
	wrong := slices.DeleteFunc(m.wrong, func(l lapse) bool {
		u, ok := l.err.(unserved)
		return ok && (u.status == 502 || u.status == 503 || u.status == 504) && lost(l.begin, l.end)
	})
	for _, l := range wrong[:min(len(wrong), 20)] {
		t.Errorf("of %d uses that ended as none must: %v", len(wrong), l)
	}
}

// verifyJournal demands that no POST was done twice, and that all that were answered 200 were done.
func (m *mix) verifyJournal(t *testing.T, file string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	done := map[string]int{}
	for line := range strings.Lines(readText(t, file)) {
		done[line]++
		if done[line] == 2 {
			t.Errorf("%.40q was done twice", line)
		}
	}
	for line := range m.confirmed {
		if done[line] == 0 {
			t.Errorf("%.40q was answered 200 and not done", line)
		}
	}
	t.Logf("%d POSTs done, %d confirmed", len(done), len(m.confirmed))
}

// draw returns one of them.
func draw[T any](random *rand.Rand, of []T) T { return of[random.IntN(len(of))] }
