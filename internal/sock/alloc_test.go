//go:build !race

package sock

import "testing"

func TestAskingAllocatesNothing(t *testing.T) {
	c, far := pair(t)
	buf := make([]byte, 64)
	go func() { // echoes; ends with the connection
		for {
			n, err := far.Read(buf)
			if err != nil {
				return
			}
			_, _ = far.Write(buf[:n])
		}
	}()
	r := reader(c)
	q := []byte("request")
	n := testing.AllocsPerRun(2000, func() {
		if _, _, err := r.Ask(q, roomy, true); err != nil {
			t.Fatal(err)
		}
		r.Consume(r.Buffered())
		r.Release()
	})
	if n != 0 {
		t.Fatalf("Ask allocates %v times", n)
	}
}
