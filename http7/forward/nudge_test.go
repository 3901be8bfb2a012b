package forward

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/deadline"
	"weir/internal/sock"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// counting answers each request when next says so, and counts them.
func counting(asked *atomic.Int64, next <-chan struct{}) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line != "\r\n" {
				continue
			}
			asked.Add(1)
			<-next
			if _, err := io.WriteString(c, ok); err != nil {
				return
			}
		}
	}
}

func TestANudgeInterruptsTheWaitForTheHeadOnce(t *testing.T) {
	var asked atomic.Int64
	next := make(chan struct{}, 10)
	s := scripted(t, nil, counting(&asked, next))
	for range 3 { // the connection serves on
		c, _ := s.acquire()
		now := deadline.Now()
		c.NudgeAt(now + int64(30*time.Millisecond))
		c.AwaitHead(now)
		c.Ask(get, c.Reused())
		if f, _ := c.ReadHead([]byte("GET")); f != Nudge {
			t.Fatalf("got %v, want a nudge", f)
		}
		if took := deadline.Since(now, deadline.Now()); took < 30*time.Millisecond {
			t.Errorf("nudged after %v", took)
		}
		next <- struct{}{}
		if f, cause := c.ReadHead([]byte("GET")); f != nil || c.Answer.Status != 200 {
			t.Fatalf("%v, %v", f, cause)
		}
		if got, f := body(c, nil); got != "ok" || f != nil {
			t.Fatalf("%q, %v", got, f)
		}
		c.Close()
		s.stats(1, 1)
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("the endpoint was asked %d times", n)
	}
}

func TestTheDeadlineStandsBehindANudge(t *testing.T) {
	for _, late := range []bool{false, true} { // the nudge later than the deadline
		s := scripted(t, func(c *Config) { c.Timeouts.Response = conf.Dur(100 * time.Millisecond) },
			counting(new(atomic.Int64), make(chan struct{})))
		c, _ := s.acquire()
		now := deadline.Now()
		at := now + int64(20*time.Millisecond)
		if late {
			at = now + int64(time.Minute)
		}
		c.NudgeAt(at)
		c.AwaitHead(now)
		c.Ask(get, false)
		f, _ := c.ReadHead([]byte("GET"))
		if !late && f == Nudge {
			f, _ = c.ReadHead([]byte("GET"))
		}
		if took := deadline.Since(now, deadline.Now()); f != http7.UpstreamTimeout || took < 100*time.Millisecond || took > ample {
			t.Errorf("nudge late %v: %v after %v", late, f, took)
		}
		c.Close()
	}
}

func TestAnotherMayNudge(t *testing.T) {
	next := make(chan struct{}, 1)
	s := scripted(t, nil, counting(new(atomic.Int64), next))
	c, _ := s.acquire()
	now := deadline.Now()
	c.NudgeAt(now + int64(time.Hour))
	c.AwaitHead(now)
	go c.Nudge() // ends at once
	c.Ask(get, false)
	if f, _ := c.ReadHead([]byte("GET")); f != Nudge {
		t.Fatalf("got %v", f)
	}
	c.Close()
}

// A nudge that comes before the request has left asks nobody twice, and comes again.
func TestANudgeBeforeTheRequestIsRepeatedBehindIt(t *testing.T) {
	var asked atomic.Int64
	next := make(chan struct{}, 1)
	s := scripted(t, nil, counting(&asked, next))
	c, _ := s.acquire()
	now := deadline.Now()
	c.NudgeAt(now + 1)
	c.AwaitHead(now)
	until(t, func() bool { return c.S.Interrupted() == Nudged })
	c.Ask(get, false)
	if f, _ := c.ReadHead([]byte("GET")); f != Nudge {
		t.Fatalf("got %v, want a nudge", f)
	}
	next <- struct{}{}
	if f, _ := c.ReadHead([]byte("GET")); f != nil || asked.Load() != 1 {
		t.Fatalf("%v, asked %d times", f, asked.Load())
	}
	c.Close()
}

// A nudge that is late finds the head there: nothing of it is left for the body or for the next use.
func TestALateNudgeLeavesNoTrace(t *testing.T) {
	s := scripted(t, nil, saying([]string{ok}, nil))
	c, _ := s.acquire()
	now := deadline.Now()
	c.NudgeAt(now + int64(time.Hour))
	c.AwaitHead(now)
	c.Ask(get, false)
	c.Nudge()
	if f, _ := c.ReadHead([]byte("GET")); f != nil {
		t.Fatal(f)
	}
	if why := c.S.Interrupted(); why != sock.NotInterrupted {
		t.Errorf("interrupted: %v", why)
	}
	c.Nudge() // of one who does not know yet that it is over
	c.Calm()
	if got, f := body(c, nil); got != "ok" || f != nil {
		t.Errorf("%q, %v", got, f)
	}
	c.Close()
	s.stats(1, 1)
}

func TestOtherReasonsAreNotCalmed(t *testing.T) {
	s := scripted(t, nil, saying([]string{ok}, nil))
	c, _ := s.acquire()
	c.S.Interrupt(ClientGone)
	c.Nudge()
	c.Calm()
	if why := c.S.Interrupted(); why != ClientGone {
		t.Errorf("interrupted: %v", why)
	}
	c.Cut()
}

func TestAnAnswerThatIsNotWantedCostsTheConnectionOnlyIfItIsNotAtHand(t *testing.T) {
	for answer, kept := range map[string]int64{
		ok: 1,
		"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n": 1,
		"HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nno":                            0,
		"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno":       0,
		"HTTP/1.1 2": 0,
	} {
		s := scripted(t, nil, saying([]string{answer}, nil))
		c, _ := s.acquire()
		c.Ask(get, false)
		if strings.HasSuffix(answer, "\n") || strings.HasSuffix(answer, "no") || answer == ok {
			if f, _ := c.ReadHead([]byte("GET")); f != nil {
				t.Fatal(f)
			}
		}
		c.Discard()
		s.stats(kept, kept)
	}
}
