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
