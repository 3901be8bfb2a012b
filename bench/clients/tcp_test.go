package clients

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/bench"
)

// echoing gives back what comes.
func echoing(c net.Conn) { io.Copy(c, c) }

// pouring sends for ever.
func pouring(c net.Conn) {
	block := make([]byte, 64<<10)
	for {
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

// secured serves f over TLS and returns the address and what trusts it.
func secured(t *testing.T, f func(net.Conn)) (string, *tls.Config) {
	t.Helper()
	serverTLS, clientTLS := certificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", serverTLS)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, f)
	return l.Addr().String(), clientTLS
}

func TestTCPConnectMeasuresOneConnectionPerRequest(t *testing.T) {
	var accepted atomic.Int64
	count := func(c net.Conn) {
		accepted.Add(1)
		if secure, ok := c.(*tls.Conn); ok {
			secure.Handshake()
		}
	}
	plain := listen(t, count)
	secure, trust := secured(t, count)
	for _, d := range []struct {
		cfg  Config
		name string
	}{
		{Config{Target: "tcp://" + plain}, "TCP connect"},
		{Config{Target: "tls://" + secure, TLS: trust}, "TLS handshake"},
	} {
		p, err := TCPConnect(d.cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, p, bench.Config{Target: d.cfg.Target, Connections: 4, Requests: 200, Fresh: true})
		if r.OK != 200 || r.Opened != 200 || r.Redials != 0 || r.Settings.Protocol != d.name {
			t.Errorf("%s: ok %d, opened %d, %v; want 200 each", r.Settings.Protocol, r.OK, r.Opened, r.FirstFailures)
		}
	}
	checkNoGoroutines(t, "weir/bench/clients.connector")
}

func TestEveryWayToFailToConnectIsToldApart(t *testing.T) {
	to := func(cfg Config) func(*testing.T) bench.Client {
		return func(t *testing.T) bench.Client { return must(t)(TCPConnect(cfg)) }
	}
	secure, _ := secured(t, func(c net.Conn) { c.(*tls.Conn).Handshake() })
	checkFailures(t, []failure{
		{name: "nobody listens", client: to(Config{Target: "tcp://" + refusing(t)}), kind: bench.Connect, says: "refused"},
		{name: "an unknown certificate", client: to(Config{Target: "tls://" + secure}), kind: bench.TLS, says: "certificate"},
		{name: "plain text", client: to(Config{Target: "tls://" + listen(t, saying("hello\r\n"))}), kind: bench.TLS, says: "TLS"},
		{name: "a handshake that hangs", client: to(Config{Target: "tls://" + listen(t, hang(nil))}), within: 30 * time.Millisecond, kind: bench.TLS, says: "deadline"},
	})
}

func TestBulkMovesBlocksEachWay(t *testing.T) {
	echo, source, sink := listen(t, echoing), listen(t, pouring), listen(t, hang(nil))
	secure, trust := secured(t, echoing)
	const block = 300_000
	for _, d := range []struct {
		name    string
		cfg     Config
		in, out int64
	}{
		{"TCP bulk echo", Config{Way: Echo, Target: "tcp://" + echo, Block: block}, 40 * block, 40 * block},
		{"TCP bulk send", Config{Way: Send, Target: "tcp://" + sink, Block: block}, 0, 40 * block},
		{"TCP bulk receive", Config{Way: Receive, Target: "tcp://" + source, Block: block}, 40 * block, 0},
		{"TCP bulk echo over TLS", Config{Way: Echo, Target: "tls://" + secure, TLS: trust, Block: block}, 40 * block, 40 * block},
	} {
		p, err := TCPBulk(d.cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, p, bench.Config{Target: d.cfg.Target, Connections: 2, Requests: 40})
		if r.OK != 40 || r.Opened > 2 || r.BytesIn != d.in || r.BytesOut != d.out || r.Settings.Protocol != d.name {
			t.Errorf("%s (%s): ok %d, opened %d, %d in, %d out, %v; want 40 on 2, %d, %d",
				d.name, r.Settings.Protocol, r.OK, r.Opened, r.BytesIn, r.BytesOut, r.FirstFailures, d.in, d.out)
		}
	}
	checkNoGoroutines(t, "weir/bench/clients.(*bulk)")
}

func TestABlockIsTheBodyUnlessItsSizeIsGiven(t *testing.T) {
	address := listen(t, echoing)
	for _, d := range []struct {
		block int
		body  string
		want  int
	}{
		{0, "", 1 << 20}, {0, "hello", 5}, {7, "hello", 7}, {7, "", 7},
	} {
		c := must(t)(TCPBulk(Config{Target: "tcp://" + address, Block: d.block}))
		a := mustAsk(t, c, post("/", d.body))
		if a.In != int64(d.want) || a.Out != int64(d.want) || len(a.Body) != d.want || d.want == 5 && string(a.Body) != d.body {
			t.Errorf("block %d, body %q: %d in, %d out, kept %d; want %d", d.block, d.body, a.In, a.Out, len(a.Body), d.want)
		}
	}
}

func TestBulkDialsAgainOnlyBetweenBlocks(t *testing.T) {
	// The server ends each connection behind one block of five bytes.
	address := listen(t, func(c net.Conn) { io.CopyN(c, c, 5) })
	c := must(t)(TCPBulk(Config{Target: "tcp://" + address, Block: 5}))
	b := c.(*bulk)
	for i := range 3 {
		if a := mustAsk(t, c, get("/")); !a.Opened || a.Reopened != (i > 0) {
			t.Errorf("block %d: %+v", i, a)
		}
		until(t, "the end is here", func() bool { ended, _ := idle(b.conn); return ended })
	}
	fresh := must(t)(TCPBulk(Config{Target: "tcp://" + address, Block: 5, Fresh: true}))
	for i := range 2 {
		if a := mustAsk(t, fresh, get("/")); !a.Opened || a.Reopened {
			t.Errorf("fresh block %d: %+v", i, a)
		}
	}
}

func TestEveryWayToFailInBulkIsToldApart(t *testing.T) {
	to := func(way Way, target string) func(*testing.T) bench.Client {
		return func(t *testing.T) bench.Client {
			return must(t)(TCPBulk(Config{Target: target, Block: 1 << 20, Way: way}))
		}
	}
	silent := "tcp://" + listen(t, hang(nil))
	deaf := "tcp://" + listen(t, func(net.Conn) { <-t.Context().Done() })
	checkFailures(t, []failure{
		{name: "nobody listens", client: to(Echo, "tcp://"+refusing(t)), kind: bench.Connect, says: "refused"},
		{name: "another answer", client: to(Receive, "tcp://"+listen(t, func(c net.Conn) { io.WriteString(c, "short") })), kind: bench.ShortBody, says: "5 bytes of 1048576"},
		{name: "an end without a byte", client: to(Receive, "tcp://"+listen(t, func(net.Conn) {})), kind: bench.Reset, says: "EOF"},
		{name: "an echo that differs", client: to(Echo, "tcp://"+listen(t, func(c net.Conn) { go io.Copy(io.Discard, c); pouring(c) })), kind: bench.Malformed, says: "the echo differs"},
		{name: "no echo in time", client: to(Echo, silent), within: 30 * time.Millisecond, kind: bench.Timeout, says: "timeout"},
		{name: "a source that is silent", client: to(Receive, silent), within: 30 * time.Millisecond, kind: bench.Timeout, says: "timeout"},
		{name: "a sink that is full", client: func(t *testing.T) bench.Client {
			return must(t)(TCPBulk(Config{Target: deaf, Block: 16 << 20, Way: Send}))
		}, within: 100 * time.Millisecond, kind: bench.Timeout, says: "timeout"},
	})
}

func TestATimeoutOfBulkOverTLSIsExact(t *testing.T) {
	// Behind a write that timed out, TLS waited 5 s for its goodbye to be taken.
	address, trust := secured(t, func(c net.Conn) {
		if c.(*tls.Conn).Handshake() == nil {
			<-t.Context().Done()
		}
	})
	c := must(t)(TCPBulk(Config{Target: "tls://" + address, TLS: trust, Block: 16 << 20, Way: Send}))
	r := get("/")
	from := time.Now()
	_, err := c.Do(t.Context(), from.Add(200*time.Millisecond), &r)
	if took := time.Since(from); bench.KindOf(err) != bench.Timeout || took > 3*time.Second {
		t.Errorf("%v after %v; want a timeout after 200 ms", err, took)
	}
}

func TestBulkGivesUpWhenTheRunEnds(t *testing.T) {
	asked := make(chan struct{}, 1)
	address := listen(t, hang(asked))
	checkGivesUp(t, must(t)(TCPBulk(Config{Target: "tcp://" + address})), get("/"), asked)
}

func TestIdleTellsAnEndFromBytesAndFromNothing(t *testing.T) {
	l := loopback(t)
	defer l.Close()
	pair := func() (near, far net.Conn) {
		near, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if far, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { near.Close(); far.Close() })
		return near, far
	}
	for _, d := range []struct {
		name           string
		do             func(far net.Conn)
		ended, pending bool
	}{
		{"nothing", nil, false, false},
		{"a byte", func(far net.Conn) { io.WriteString(far, "x") }, false, true},
		{"an end", func(far net.Conn) { far.Close() }, true, false},
		{"a reset", func(far net.Conn) { abandon(far) }, true, false},
	} {
		near, far := pair()
		if d.do != nil {
			d.do(far)
		}
		var ended, pending bool
		until(t, d.name, func() bool {
			ended, pending = idle(near)
			return d.do == nil || ended || pending
		})
		if ended != d.ended || pending != d.pending {
			t.Errorf("%s: ended %v, pending %v", d.name, ended, pending)
		}
	}
	if ended, pending := idle(struct{ net.Conn }{}); ended || !pending {
		t.Error("a connection that cannot be looked at must be doubted, not dropped")
	}
}

func TestAComparerSeesEveryDifference(t *testing.T) {
	for _, d := range []struct {
		sent, back string
		same       bool
	}{
		{"hello", "hello", true}, {"", "", true}, {"hello", "hellO", false}, {"hello", "Hello", false},
		{"hello", "hello!", false}, {"hello", "hell", false}, {"hello", "", false},
	} {
		c := &comparer{from: io.MultiReader(strings.NewReader(d.back[:len(d.back)/2]), strings.NewReader(d.back[len(d.back)/2:])), rest: []byte(d.sent)}
		got, err := io.ReadAll(c)
		if err != nil || string(got) != d.back || (!c.differs && len(c.rest) == 0) != d.same {
			t.Errorf("%q for %q: %q, %v, differs %v, left %q", d.back, d.sent, got, err, c.differs, c.rest)
		}
	}
}

func TestBabbleIsWhatDoesNotBeginWithSETTINGS(t *testing.T) {
	for _, d := range []struct {
		parts []string
		want  bool
	}{
		{nil, false},
		{[]string{"\x00\x00\x06\x04\x00"}, false},
		{[]string{"\x00", "\x00\x06", "\x04"}, false},
		{[]string{"HTTP/1.1 400 Bad Request"}, true},
		{[]string{"\x00\x00\x08\x07"}, true},
		{[]string{"\x00\x00"}, true},
	} {
		near, far := net.Pipe()
		e := &ears{Conn: near}
		for _, part := range d.parts {
			go io.WriteString(far, part)
			if _, err := io.ReadFull(e, make([]byte, len(part))); err != nil {
				t.Fatal(err)
			}
		}
		if e.babble() != d.want {
			t.Errorf("%q: %v, want %v", d.parts, e.babble(), d.want)
		}
		near.Close()
		far.Close()
	}
}
