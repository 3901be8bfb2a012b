package cache

import (
	"runtime"
	"testing"

	"weir/http7"
	"weir/http7/cache/store"
)

// Who came between the cut of a broken answer and the end of its fill joined it, and got the break without a try of its own.
func TestWhoComesOnceAnAnswerIsCutLeadsAnew(t *testing.T) {
	w := newBareWorld(t, nil, pages)
	key, c := []byte("key"), w.c
	o := c.store.Draft(key, c.store.Mark(), nil, []byte("head"), -1, 1<<10)
	first := &visit{}
	if turn, _ := c.fills.join(key, first, nil, true); turn != leads {
		t.Fatalf("the first: turn %d", turn)
	}
	f := first.fill
	f.open(first, o)
	late := &visit{}
	turn, read := c.fills.join(key, late, nil, true)
	if turn != reads {
		t.Fatalf("one that comes while the answer does: turn %d", turn)
	}
	defer read.Release()
	var r store.Reader
	if !r.Open(read, 0, -1) {
		t.Fatal("the draft can't be read")
	}
	defer r.Close()
	m := &mover{c: c, o: o, f: f, key: "key", a: &http7.Answer{Source: &upstream{w: w}}}
	if !c.beginMoving() {
		t.Fatal("no place")
	}
	f.shard.mu.Lock() // nobody can join or leave
	begun, ended := make(chan struct{}), make(chan struct{})
	go func() {
		close(begun)
		m.end(broken)
		close(ended)
	}()
	<-begun
	for range 1000 {
		runtime.Gosched()
		if _, s := r.Next(); s != store.Parked && !f.ended {
			t.Error("the answer is cut while others may join it")
			break
		}
	}
	f.shard.mu.Unlock()
	<-ended
	if _, s := r.Next(); s == store.Parked {
		t.Error("the answer is not cut")
	}
	next := &visit{}
	if turn, _ := c.fills.join(key, next, nil, true); turn != leads {
		t.Errorf("who comes then: turn %d, want to lead", turn)
	}
	next.fill.over(next, again)
}
