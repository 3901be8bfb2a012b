package serve

import (
	"bytes"
	"errors"
	"net/http"
	"testing"

	"weir/http7"
)

// hoarder is a library's writer that goes on reading what it was given after it has failed, as x/net's may.
type hoarder struct {
	http.ResponseWriter
	fail bool
	kept [][]byte
}

func (h *hoarder) Write(b []byte) (int, error) {
	h.kept = append(h.kept, b)
	if h.fail {
		return 0, errors.New("the stream is over")
	}
	return len(b), nil
}

func TestWhatALibraryReadsOnAfterAFailureIsNobodyElses(t *testing.T) {
	first := bytes.Repeat([]byte("1"), 3*portion/2)
	h := &hoarder{fail: true}
	failed := &stream{k: &carrier{proto: http7.HTTP2}, w: h, open: true}
	if n, err := failed.Write(first); n != 0 || err == nil {
		t.Fatalf("%d, %v; want a failure", n, err)
	}
	want := bytes.Clone(h.kept[0])
	copy(first, bytes.Repeat([]byte("2"), len(first))) // the block is another exchange's now
	for range 100 {
		next := &stream{k: &carrier{proto: http7.HTTP2}, w: &hoarder{}, open: true}
		if n, err := next.Write(first); n != len(first) || err != nil {
			t.Fatalf("%d, %v; want all", n, err)
		}
	}
	if !bytes.Equal(h.kept[0], want) {
		t.Error("the library of a stream that is over would send bytes of another")
	}
}

func TestLongWritesOfAStreamAllocateNothing(t *testing.T) {
	h := &hoarder{kept: make([][]byte, 0, 1<<10)}
	s := &stream{k: &carrier{proto: http7.HTTP2}, w: h, open: true}
	b := make([]byte, 2*portion)
	if n := testing.AllocsPerRun(100, func() {
		h.kept = h.kept[:0]
		_, _ = s.Write(b)
	}); n > 0.5 && !raceDetector {
		t.Errorf("%v allocations", n)
	}
}
