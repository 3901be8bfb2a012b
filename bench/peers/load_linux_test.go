package peers

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestALongRequestGoesInPieces(t *testing.T) {
	// 8 MiB are more than the sockets hold: the rest must follow when the endpoint has read, and the answer only then.
	s := &Scenario{BodyBytes: 8 << 20, AnswerBytes: 10}
	r := newRing(t, small)
	r.as(s)
	d := newLoad(r.loop, r.origin.ports[0], s, 0)
	if err := d.connect(2); err != nil {
		t.Fatal(err)
	}
	if d.waiting != 2 {
		t.Errorf("%d requests under way, want 2", d.waiting)
	}
	r.until("ten uploads", func() bool { return d.answers >= 10 })
	_, answers := r.origin.tally()
	if d.failed != 0 || answers < d.answers {
		t.Errorf("%d failed, %d answers of the endpoint's %d", d.failed, d.answers, answers)
	}
}

func TestAnUploadThatIsCutOffHasFailed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := newRing(t, small)
	d := newLoad(r.loop, l.Addr().(*net.TCPAddr).Port, &Scenario{BodyBytes: 8 << 20}, 0)
	if err := d.connect(1); err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	io.ReadFull(peer, make([]byte, 1000))
	peer.(*net.TCPConn).SetLinger(0)
	peer.Close()
	r.until("the failure", func() bool { return d.failed > 0 })
	if d.failed != 1 || d.waiting != 0 || len(d.socks) != 0 {
		t.Errorf("%d failed, %d waiting, %d open", d.failed, d.waiting, len(d.socks))
	}
}

func TestEveryRouteHasItsTurn(t *testing.T) {
	for _, routes := range []int{1, 2, 7, 100, 10_000} {
		d := newLoad(nil, 0, &Scenario{}, routes)
		seen := make([]int, routes)
		rounds := 3
		for range rounds * routes {
			seen[d.next]++
			d.advance()
		}
		if slices.Min(seen) != rounds || slices.Max(seen) != rounds {
			t.Errorf("%d routes: visited %d to %d times in %d rounds", routes, slices.Min(seen), slices.Max(seen), rounds)
		}
	}
}

func TestRequestsNameTheirRoute(t *testing.T) {
	s := &Scenario{}
	if all := s.requests(0); len(all) != 1 || !strings.HasPrefix(string(all[0]), "GET /v1/orders/1234?expand=items HTTP/1.1\r\n") {
		t.Errorf("one route for all: %q", all)
	}
	if many := (&Scenario{Paths: 3}).requests(0); len(many) != 3 || !strings.HasPrefix(string(many[2]), "GET /r00002/v1/") {
		t.Errorf("three paths of one route are asked for by %q", many)
	}
	all := s.requests(10_000)
	if len(all) != 10_000 || !strings.HasPrefix(string(all[9999]), "GET /r09999/v1/orders/1234?expand=items HTTP/1.1\r\n") {
		t.Errorf("%d requests, the last %q", len(all), all[len(all)-1])
	}
}

func TestAMessageIsAnsweredWhenAllOfItIsBack(t *testing.T) {
	s := &Scenario{Kind: Echo, AnswerBytes: 64}
	r := newRing(t, small)
	r.as(s)
	d := newLoad(r.loop, r.origin.ports[0], s, 0)
	if err := d.connect(3); err != nil {
		t.Fatal(err)
	}
	r.until("a thousand messages", func() bool { return d.answers >= 1000 })
	if len(d.requests[0]) != 64 || d.raw != 64 || d.failed != 0 || d.latency.TotalCount() != d.answers {
		t.Errorf("messages of %d bytes, %d failed, %d latencies of %d", len(d.requests[0]), d.failed, d.latency.TotalCount(), d.answers)
	}
}

func TestAnEchoInPiecesOrTooLongIsJudgedByItsLength(t *testing.T) {
	for what, c := range map[string]struct {
		pieces  []int
		answers int64
		failed  int64
	}{
		"whole":    {[]int{64}, 1, 0},
		"halves":   {[]int{32, 32}, 1, 0},
		"bytes":    {[]int{1, 62, 1}, 1, 0},
		"too long": {[]int{65}, 0, 1},
		"too much": {[]int{63, 2}, 0, 1},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r := newRing(t, small)
		d := newLoad(r.loop, l.Addr().(*net.TCPAddr).Port, &Scenario{Kind: Echo, AnswerBytes: 64}, 0)
		if err := d.connect(1); err != nil {
			t.Fatal(err)
		}
		peer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		d.halted = true
		for _, n := range c.pieces {
			peer.Write(make([]byte, n))
			r.idle()
		}
		if d.answers != c.answers || d.failed != c.failed {
			t.Errorf("%s: %d answers, %d failed; want %d and %d", what, d.answers, d.failed, c.answers, c.failed)
		}
		peer.Close()
		l.Close()
	}
}

func TestAStreamIsCountedInMebibytes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := newRing(t, small)
	d := newLoad(r.loop, l.Addr().(*net.TCPAddr).Port, &Scenario{Kind: Bulk}, 0)
	if err := d.connect(1); err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if asked := make([]byte, 4); true {
		if _, err := io.ReadFull(peer, asked); err != nil || string(asked) != "weir" {
			t.Fatalf("the stream is asked for by %q, %v", asked, err)
		}
	}
	block := make([]byte, 1<<20)
	for _, c := range []struct {
		bytes int
		want  int64
	}{{1<<20 - 1, 0}, {1, 1}, {1 << 19, 1}, {1<<19 + 1, 2}, {3<<20 - 1, 5}} {
		for left := c.bytes; left > 0; {
			n := min(left, len(block))
			r.send(peer, block[:n])
			left -= n
		}
		r.until("the bytes are counted", func() bool { return d.answers >= c.want })
		r.idle()
		if d.answers != c.want || d.failed != 0 {
			t.Fatalf("%d MiB after %d bytes more, %d failed; want %d", d.answers, c.bytes, d.failed, c.want)
		}
	}
	peer.Close()
	r.until("the end of the stream", func() bool { return d.failed == 1 })
}

func TestOnlySoManyRequestsAreUnderWayAndAllConnectionsHaveTheirTurn(t *testing.T) {
	r := newRing(t, small)
	d := newLoad(r.loop, r.origin.ports[0], &Scenario{}, 0)
	d.window = 3
	if err := d.connect(10); err != nil {
		t.Fatal(err)
	}
	if d.waiting != 3 || len(d.turns) != 7 {
		t.Fatalf("%d under way, %d wait; want 3 and 7", d.waiting, len(d.turns))
	}
	r.until("a thousand answers", func() bool {
		if d.waiting > 3 {
			t.Fatalf("%d under way", d.waiting)
		}
		return d.answers >= 1000
	})
	var counts []int64
	for s := range d.socks {
		counts = append(counts, s.count)
	}
	if len(counts) != 10 || slices.Max(counts)-slices.Min(counts) > 6 {
		t.Errorf("answers per connection: %v; want about a hundred each", counts)
	}
	d.halted = true
	r.until("the last answers", func() bool { return d.waiting == 0 })
}

func TestAConnectionThatIsLostLosesItsTurn(t *testing.T) {
	r := newRing(t, small)
	d := newLoad(r.loop, r.origin.ports[0], &Scenario{}, 0)
	d.window = 1
	if err := d.connect(4); err != nil {
		t.Fatal(err)
	}
	d.lose(d.turns[0])
	d.lose(d.turns[2])
	r.until("a hundred answers", func() bool { return d.answers >= 100 })
	if len(d.socks) != 2 || d.failed != 0 {
		t.Errorf("%d connections, %d failed", len(d.socks), d.failed)
	}
	for s := range d.socks {
		if s.count < 20 {
			t.Errorf("a connection that is there had %d answers of %d", s.count, d.answers)
		}
	}
}

func TestTurnsAllocateNothing(t *testing.T) {
	r := newRing(t, small)
	d := newLoad(r.loop, r.origin.ports[0], &Scenario{}, 50)
	d.window = 2
	if err := d.connect(8); err != nil {
		t.Fatal(err)
	}
	r.until("warm", func() bool { return d.answers > 100 })
	n := testing.AllocsPerRun(200, func() {
		for was := d.answers; d.answers == was; {
			if err := r.loop.turn(10); err != nil {
				t.Error(err)
			}
		}
	})
	if n != 0 {
		t.Errorf("an answer costs %v allocations", n)
	}
}

func TestMoreConnectionsThanAQueueHoldsAreOpened(t *testing.T) {
	r := newRing(t, small)
	d := newLoad(r.loop, r.origin.ports[0], &Scenario{}, 0)
	const many = 3 * atOnce
	if err := d.connect(many); err != nil {
		t.Fatal(err)
	}
	r.until("an answer on each", func() bool { return d.answers >= many })
	if used, _ := r.origin.tally(); used != many || d.failed != 0 {
		t.Errorf("%d connections, %d failed", used, d.failed)
	}
	d.disconnect()
	r.until("the endpoint has noticed", func() bool { return len(r.origin.conns) == 0 })
}

func TestLatenciesAreOfTheRequestsTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := newRing(t, small)
	d := newLoad(r.loop, l.Addr().(*net.TCPAddr).Port, &Scenario{}, 0)
	if err := d.connect(1); err != nil {
		t.Fatal(err)
	}
	d.halted = true
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	begin := time.Now()
	for time.Since(begin) < 30*time.Millisecond {
		r.idle()
	}
	peer.Write([]byte(small))
	r.until("the answer", func() bool { return d.answers == 1 })
	most := time.Since(begin)*101/100 + 10*time.Millisecond
	if got := time.Duration(d.latency.Max()); got < 25*time.Millisecond || got > most {
		t.Errorf("a latency of %v, want 30 ms to %v", got, most)
	}
}
