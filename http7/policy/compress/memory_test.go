//go:build !race

package compress

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"

	"weir/http7"
)

// bounds is what one answer holds at most while it is compressed, in KiB, with what was spilt: the table
// of README.md, within what the comment of Config.Concurrent promises.
var bounds = [levelCount][codingCount]uint64{
	fast:     {zstdCoding: 1024, brCoding: 1280, gzipCoding: 1024},
	balanced: {zstdCoding: 1024, brCoding: 2048, gzipCoding: 1280},
	small:    {zstdCoding: 5120, brCoding: 5120, gzipCoding: 1280},
}

func TestAStreamHoldsNoMoreMemoryThanTheReadmeSays(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	bodies := [][]byte{records(3 << 20), noise}
	for l := range levelCount {
		for c := range codingCount {
			var held uint64
			for _, body := range bodies {
				held = max(held, memory(t, c, l, body))
			}
			t.Logf("%s %s: %d KiB", codingNames[c], levelNames[l], held>>10)
			if most := bounds[l][c]; held>>10 > most {
				t.Errorf("%s at level %s holds %d KiB, want at most %d", codingNames[c], levelNames[l], held>>10, most)
			}
		}
	}
}

// memory returns what one of several streams holds in the middle of a body.
func memory(t *testing.T, c coding, l level, body []byte) uint64 {
	const several = 6
	p := &policy{level: l}
	room := make([]byte, 0, 32<<10)
	filters := make([]*filter, several)
	before := heap()
	for i := range filters {
		f := &filter{p: p, coding: c}
		// New ones, not the pool's, which may be older than the measurement.
		f.s = newStream(c, l, &streams[c][l])
		f.s.enc.Reset(f.s)
		for rest := body; len(rest) > 0; {
			_, taken, _, fault := f.Write(room, rest, http7.More)
			if fault != nil {
				t.Fatal(fault)
			}
			rest = rest[taken:]
		}
		filters[i] = f
	}
	held := heap() - before
	runtime.KeepAlive(filters)
	runtime.KeepAlive(body)
	return held / several
}

func heap() uint64 {
	var m runtime.MemStats
	for range 2 { // the second empties what pools have kept
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestWhatIsSpiltIsBounded(t *testing.T) {
	for l := range levelCount {
		for c := range codingCount {
			f := filterOf(t, c, l)
			body := bytes.Repeat(records(1<<20), 2)
			room, most := make([]byte, 0, 1), 0
			for len(body) > 1<<20 {
				_, taken, _, _ := f.Write(room, body, http7.More)
				body = body[taken:]
				most = max(most, len(f.s.spill)-f.s.sent)
			}
			if most > mostSpill {
				t.Errorf("%s at level %s spilt %d bytes", codingNames[c], levelNames[l], most)
			}
		}
	}
}
