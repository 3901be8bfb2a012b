package lb

import (
	"testing"
	"testing/synctest"
	"time"
)

// A retry at the head of the line, which has tried the endpoint that has room, must not keep the others from it.
func TestRoomThatTheFirstCantUseGoesToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := gated(t, 2, 1, nil)
		g := u.Gate()
		a, b := pick(u, Key{}, Tried{}), pick(u, Key{}, Tried{})
		var tried Tried
		tried.Add(a.Endpoint())
		var w, x Waiter
		g.Enter(&w)
		g.Enter(&x)
		a.Done(Outcome{})
		losses := 0
		for woken(&w) {
			if _, r := u.Pick(Key{}, tried); r != AllFull {
				t.Fatal(r)
			}
			losses++
			g.Enter(&w)
			if losses > 100 {
				t.Fatal("it never gives way")
			}
		}
		time.Sleep(100 * time.Millisecond)
		if !woken(&x) {
			t.Errorf("after %d losses of the first the next is not told of the room", losses)
		}
		b.Done(Outcome{})
	})
}

// Who is outrun by a hedge would have taken longer still: without them hedges lower the latency that they go by.
func TestTheQuantileHasThoseThatWereOutrun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := gated(t, 1, 100, nil)
		for i := range 200 {
			o := Outcome{FirstByte: 10 * time.Millisecond}
			if i%10 == 0 {
				o = Outcome{Result: Outrun, FirstByte: 300 * time.Millisecond}
			}
			pick(u, Key{}, Tried{}).Done(o)
		}
		if got := u.Gate().Quantile(0.95); got < 290*time.Millisecond || got > 310*time.Millisecond {
			t.Errorf("a tenth takes 300 ms at least, and p95 is %v", got)
		}
	})
}
