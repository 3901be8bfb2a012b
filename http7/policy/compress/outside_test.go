package compress

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"testing"

	"weir/http7"
	"weir/internal/testkit"
)

// The libraries decode what they have made themselves; these programs have nothing in common with them.
func TestProgramsOfOthersDecodeWhatIsMade(t *testing.T) {
	for c, program := range map[coding]string{zstdCoding: "zstd", brCoding: "brotli", gzipCoding: "gzip"} {
		t.Run(program, func(t *testing.T) {
			path := testkit.Require(t, program)
			for l := range levelCount {
				for seed, n := range []int{0, 1, 3000, 70_000, 400_000} {
					r := rand.New(rand.NewPCG(uint64(seed), uint64(l)))
					in := content(r, n)
					f := filterOf(t, c, l)
					room := func() int { return 1 + r.IntN(32<<10) }
					out := drive(t, f, nil, bytes.Clone(in[:n/2]), http7.More, room)
					out = drive(t, f, out, nil, http7.Flush, room)
					out = drive(t, f, out, bytes.Clone(in[n/2:]), http7.Last, room)
					decoder := exec.Command(path, "-dc")
					decoder.Stdin = bytes.NewReader(out)
					if got, err := decoder.Output(); err != nil || !bytes.Equal(got, in) {
						t.Errorf("%s at level %s makes %d bytes of %d, error %v", program, levelNames[l], len(got), n, err)
					}
				}
			}
		})
	}
}
