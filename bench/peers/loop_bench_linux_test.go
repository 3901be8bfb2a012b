package peers

import (
	"testing"
	"time"
)

// The endpoint and the load share a core with each other and with nothing else: what an answer costs them both is
// what bounds the rates that can be measured.

func BenchmarkAnAnswer(b *testing.B)     { benchmarkWork(b, &Scenario{AnswerBytes: oneKiB}, 0) }
func BenchmarkAMessage(b *testing.B)     { benchmarkWork(b, &Scenario{Kind: Echo, AnswerBytes: 64}, 0) }
func BenchmarkAMebibyte(b *testing.B)    { benchmarkWork(b, &Scenario{Kind: Bulk}, 0) }
func BenchmarkAnUpload(b *testing.B)     { benchmarkWork(b, &Scenario{BodyBytes: 64 << 10}, 0) }
func BenchmarkATurn(b *testing.B)        { benchmarkWork(b, &Scenario{AnswerBytes: oneKiB}, 16) }
func BenchmarkALargeAnswer(b *testing.B) { benchmarkWork(b, &Scenario{AnswerBytes: 1 << 20}, 0) }

// benchmarkWork has 64 connections do the work of s, so many at a time (0: all).
func benchmarkWork(b *testing.B, s *Scenario, window int) {
	l, err := newLoop()
	if err != nil {
		b.Fatal(err)
	}
	defer l.close()
	o, err := newOrigin(l)
	if err != nil {
		b.Fatal(err)
	}
	o.begin(s)
	d := newLoad(l, o.ports[0], s, 0)
	d.window = window
	if err := d.connect(64); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for limit := time.Now().Add(time.Minute); d.answers < int64(b.N); {
		if err := l.turn(10); err != nil {
			b.Fatal(err)
		}
		if d.failed > 0 || time.Now().After(limit) {
			b.Fatalf("%d failed, %d answers of %d", d.failed, d.answers, b.N)
		}
	}
}

func TestServingAnAnswerAllocatesNothing(t *testing.T) {
	r := newRing(t, small)
	d := newLoad(r.loop, r.origin.ports[0], &Scenario{}, 0)
	if err := d.connect(2); err != nil {
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
