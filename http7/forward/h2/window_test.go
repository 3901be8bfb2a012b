package h2

import (
	"testing"

	"golang.org/x/net/http2"
)

// Readers that have kept up may stop all at once: what the windows have grown to is what the endpoint may leave here.
func TestTheWindowsOfAConnectionGrowWithinABound(t *testing.T) {
	t.Parallel()
	p := newPair(t, Options{})
	all := make([]*Stream, 20)
	windows := map[uint32]int64{}
	for i := range all {
		all[i] = p.open(true)
		p.answer(all[i], false)
		windows[all[i].id] = firstWindow
	}
	const part = 16 << 10
	for range 60 { // 960 KiB each
		for _, s := range all {
			for windows[s.id] < part {
				f := p.frame("WINDOW_UPDATE").(*http2.WindowUpdateFrame)
				windows[f.StreamID] += int64(f.Increment)
			}
			p.do(p.far.WriteData(s.id, false, make([]byte, part)))
			p.do(s.Await())
			_, _, _ = s.Next() // takes it
			_, _, _ = s.Next() // is done with it
			windows[s.id] -= part
		}
	}
	sum := func() (n int64) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, s := range all {
			n += s.size - firstWindow
		}
		return n
	}
	if n := sum(); n > mostGrown || n < mostGrown/2 {
		t.Errorf("the windows have grown by %d, want at most %d, and most of that", n, mostGrown)
	}
	for _, s := range all {
		s.Close()
	}
	if p.grown != 0 {
		t.Errorf("%d are not given back", p.grown)
	}
}
