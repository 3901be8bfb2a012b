package peers

import (
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// pieces cuts b at random places.
func pieces(rng *rand.Rand, b []byte) (all [][]byte) {
	for len(b) > 0 {
		n := 1 + rng.IntN(len(b))
		all = append(all, b[:n])
		b = b[n:]
	}
	return all
}

func TestHoweverRequestsAreCutTheEndpointCountsThem(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		body := rng.IntN(2) * rng.IntN(300)
		s := &Scenario{BodyBytes: body}
		one, n := s.request(""), 1+rng.IntN(4)
		r := newRing(t, small)
		r.as(s)
		r.origin.answer = []byte(small)
		client := r.client()
		for _, piece := range pieces(rng, slices.Repeat(one, n)) {
			r.send(client, piece)
			if rng.IntN(2) == 0 {
				if err := r.loop.turn(1); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := r.read(client, n*len(small)); got != strings.Repeat(small, n) {
			t.Fatalf("seed %d: %d requests with %d bytes of body came to %q", seed, n, body, got)
		}
		if _, answers := r.origin.tally(); answers != int64(n) {
			t.Errorf("seed %d: %d requests, %d answers", seed, n, answers)
		}
	}
}

func TestHoweverAnAnswerIsCutTheLoadSeesOne(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 2))
		s := &Scenario{AnswerBytes: rng.IntN(3000)}
		r := newRing(t, small)
		d := newLoad(r.loop, l.Addr().(*net.TCPAddr).Port, s, 0)
		d.halted = true
		if err := d.connect(1); err != nil {
			t.Fatal(err)
		}
		peer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range pieces(rng, s.answer()) {
			if d.answers != 0 || d.failed != 0 {
				t.Fatalf("seed %d: %d answers, %d failed before the last piece", seed, d.answers, d.failed)
			}
			r.send(peer, piece)
			if rng.IntN(2) == 0 {
				if err := r.loop.turn(1); err != nil {
					t.Fatal(err)
				}
			}
		}
		r.until("the answer", func() bool { return d.answers+d.failed > 0 })
		if d.answers != 1 || d.failed != 0 || d.waiting != 0 {
			t.Errorf("seed %d: %d answers, %d failed, %d waiting", seed, d.answers, d.failed, d.waiting)
		}
		// One byte more was asked for by nobody.
		r.send(peer, []byte("x"))
		r.until("the byte is noticed", func() bool { return d.failed > 0 || len(d.socks) == 0 || waits(d) })
		peer.Close()
	}
}

func TestHoweverAMessageIsCutItComesBackWhole(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 3))
		r := newRing(t, small)
		r.as(&Scenario{Kind: Echo})
		text := make([]byte, 1+rng.IntN(100_000))
		for i := range text {
			text[i] = byte(rng.UintN(256))
		}
		client := r.client()
		for _, piece := range pieces(rng, text) {
			r.send(client, piece)
			if rng.IntN(3) == 0 {
				if err := r.loop.turn(1); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := r.read(client, len(text)); got != string(text) {
			t.Fatalf("seed %d: %d bytes came back of %d, or others", seed, len(got), len(text))
		}
	}
}

func TestHoweverAStreamIsCutItsMebibytesAreCounted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 4))
		r := newRing(t, small)
		d := newLoad(r.loop, l.Addr().(*net.TCPAddr).Port, &Scenario{Kind: Bulk}, 0)
		if err := d.connect(1); err != nil {
			t.Fatal(err)
		}
		peer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for range 5 {
			for _, piece := range pieces(rng, make([]byte, 1+rng.IntN(3<<20))) {
				r.send(peer, piece)
				total += len(piece)
			}
		}
		want := int64(total >> 20)
		r.until("the whole MiB are counted", func() bool { return d.answers >= want })
		r.idle()
		if d.answers != want || d.failed != 0 {
			t.Errorf("seed %d: %d bytes are %d MiB, %d failed", seed, total, d.answers, d.failed)
		}
		d.disconnect()
		peer.Close()
	}
}

// waits says whether a connection has the beginning of an answer.
func waits(d *load) bool {
	for s := range d.socks {
		if len(s.stash) > 0 {
			return true
		}
	}
	return false
}

func TestMediansAndRatiosAreWhatTheyAreByHand(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		n := 1 + rng.IntN(9)
		over, under := Row{Proxy: "a"}, Row{Proxy: "b"}
		var ratios []float64
		for range n {
			x, y := 1+rng.IntN(1000), 1+rng.IntN(1000)
			over.Samples = append(over.Samples, cpuRow("", time.Duration(x)).Samples...)
			under.Samples = append(under.Samples, cpuRow("", time.Duration(y)).Samples...)
			ratios = append(ratios, float64(x)/float64(y))
		}
		slices.Sort(ratios)
		b := Block{Rows: []Row{over, under}}
		got, ok := b.Ratio("a", "b")
		if !ok || got.Min != ratios[0] || got.Max != ratios[n-1] || got.Median < got.Min || got.Median > got.Max {
			t.Fatalf("%v: got %+v", ratios, got)
		}
		below, above := 0, 0
		for _, r := range ratios {
			if r < got.Median {
				below++
			}
			if r > got.Median {
				above++
			}
		}
		if below > n/2 || above > n/2 {
			t.Errorf("%v: %d below and %d above the median %v", ratios, below, above, got.Median)
		}
	}
}
