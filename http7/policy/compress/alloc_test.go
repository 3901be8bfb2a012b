//go:build !race

package compress

import (
	"math/rand/v2"
	"testing"
)

// Under the race detector a pool drops some of what it is given.

func TestAnAnswerOfAFewKilobytesAllocatesNothing(t *testing.T) {
	steps := compile(t, nil)
	body, room := content(rand.New(rand.NewPCG(1, 1)), 4<<10), make([]byte, 0, 32<<10)
	for _, name := range codingNames {
		x, a := answered(asked, 0)
		accept := []byte(name)
		// The pools are emptied by a collection, so a fraction is possible and none is usual.
		if n := testing.AllocsPerRun(300, func() {
			again(x, a, accept)
			run(steps, x, body, room)
		}); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
