//go:build !race

package http7

import "testing"

// Under the race detector sync.Pool drops what it is given at random, so this runs without it.

func TestServingAndRefusingAllocateNothing(t *testing.T) {
	h := Respond(200, "text/plain", []byte("pong\n"))
	x := asked(tenFields)
	if n := testing.AllocsPerRun(1000, func() { pong(x, h) }); n != 0 {
		t.Errorf("Serve allocates %v times", n)
	}
	r, err := NewResponder(200, "text/plain", []byte("pong\n"))
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { r.Act(x) }); n != 0 {
		t.Errorf("Act allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { FaultAnswer(x, MethodRefused) }); n != 0 {
		t.Errorf("FaultAnswer allocates %v times", n)
	}
}
