package compress

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/molecule-man/go-brrr"

	"weir/http7"
)

// filterOf returns a filter of a policy of its own, and gives it back when the test ends.
func filterOf(t testing.TB, c coding, l level) *filter {
	f := &filter{p: &policy{level: l}, coding: c}
	t.Cleanup(func() {
		f.release()
		if n := f.p.live.Load(); n != 0 {
			t.Errorf("%d encoders are still in use", n)
		}
	})
	return f
}

// drive gives f a chunk as the hall's pipe does, with rooms of the sizes that room returns, and
// appends what comes of it to out.
func drive(t testing.TB, f *filter, out, chunk []byte, how http7.How, room func() int) []byte {
	t.Helper()
	for idle := 0; ; {
		dst := make([]byte, 3, 3+room()) // bytes that are there before stay
		got, taken, done, fault := f.Write(dst, chunk, how)
		if fault != nil || len(got) > cap(dst) || !bytes.Equal(got[:3], dst) {
			t.Fatalf("fault %v, %d bytes for a room of %d", fault, len(got), cap(dst))
		}
		for i := range chunk[:taken] {
			chunk[i] = '#' // the engine's again
		}
		out, chunk = append(out, got[3:]...), chunk[taken:]
		if len(chunk) == 0 && (done || how == http7.More) {
			return out
		}
		if idle++; taken > 0 || len(got) > 3 {
			idle = 0
		}
		if idle > 3 {
			t.Fatalf("no progress with how %d and %d bytes left", how, len(chunk))
		}
	}
}

// decode decodes as much of b as there is; whole asks for a body that is complete.
func decode(c coding, b []byte, whole bool) ([]byte, error) {
	var r io.Reader
	src := &cutReader{b: b, end: errCut}
	if whole {
		src.end = io.EOF
	}
	switch c {
	case zstdCoding:
		d, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20)) // as browsers have it
		if err != nil {
			return nil, err
		}
		defer d.Close()
		r = d
	case brCoding:
		r = brrr.NewReader(src)
	case gzipCoding:
		z, err := gzip.NewReader(src)
		if err != nil {
			return nil, err
		}
		r = z
	}
	got, err := io.ReadAll(r)
	if err == errCut {
		err = nil
	}
	return got, err
}

// cutReader gives its bytes, then end.
type cutReader struct {
	b   []byte
	end error
}

var errCut = errors.New("nothing more has arrived")

func (r *cutReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, r.end
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}

// content returns n bytes that compress well, badly, or by turns.
func content(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+64)
	kind := r.IntN(3)
	for len(b) < n {
		if kind == 0 || kind == 2 && r.IntN(2) == 0 {
			b = fmt.Appendf(b, `{"id":%d,"name":"order %d"},`, r.IntN(1e6), r.IntN(100))
			continue
		}
		for range 40 {
			b = append(b, byte(r.Uint32()))
		}
	}
	return b[:n]
}

func TestWhateverTheChunksTheDecodedBodyIsTheInputAndAFlushHoldsNothingBack(t *testing.T) {
	for c := range codingCount {
		for l := range levelCount {
			t.Run(codingNames[c]+" "+levelNames[l], func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(25) {
					randomBody(t, rand.New(rand.NewPCG(seed, uint64(c)<<8|uint64(l))), c, l)
				}
			})
		}
	}
}

// randomBody sends one body in random chunks, with flushes, through random rooms.
func randomBody(t *testing.T, r *rand.Rand, c coding, l level) {
	sizes := []int{0, 1, 100, 5000, 70_000, 400_000}
	in := content(r, r.IntN(sizes[r.IntN(len(sizes))]+1))
	tiny := r.IntN(3) == 0
	room := func() int {
		if tiny {
			return 1 + r.IntN(20)
		}
		return 1 + r.IntN(32<<10)
	}
	f := filterOf(t, c, l)
	var out []byte
	most := []int{10, 1000, 40_000, 100_000}[r.IntN(4)]
	flushes := 0
	for at := 0; at < len(in); {
		n := min(len(in)-at, 1+r.IntN(most))
		at += n
		out = drive(t, f, out, bytes.Clone(in[at-n:at]), http7.More, room)
		if r.IntN(4) != 0 || flushes > 20 {
			continue
		}
		flushes++
		out = drive(t, f, out, nil, http7.Flush, room)
		if got, err := decode(c, out, false); err != nil || !bytes.Equal(got, in[:at]) {
			t.Fatalf("after a flush at %d of %d bytes %d can be decoded: %v", at, len(in), len(got), err)
		}
	}
	out = drive(t, f, out, nil, http7.Last, room)
	if got, err := decode(c, out, true); err != nil || !bytes.Equal(got, in) {
		t.Fatalf("%d bytes in, %d out: %v", len(in), len(got), err)
	}
	if f.s != nil {
		t.Fatal("the encoder is kept past the end")
	}
}
