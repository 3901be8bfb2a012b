package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7/cache/store"
)

// purging has n objects below each of two prefixes, all of them small, and one reader for each.
type purging struct {
	*stored
	n int
}

func newPurging(t *testing.T, n int) *purging {
	t.Helper()
	p := &purging{newStored(t, max(4<<20, int64(n)*4*1024)), n}
	p.head, p.body = p.head[:8], p.body[:16]
	for _, prefix := range []string{"going", "staying"} {
		for i := range n {
			p.key = fmt.Appendf(p.key[:0], "http://%s.test/objects/%08d", prefix, i)
			if !p.put(store.TagHash([]byte(prefix))) {
				t.Fatalf("%s has no room: %+v", p.key, p.Stats())
			}
		}
	}
	if got := p.Stats().Objects; got != int64(2*n) {
		t.Fatalf("the store has %d objects, want %d", got, 2*n)
	}
	return p
}

// seen reads every step-th object below a prefix and says how many there are, and how many of them are stale.
func (p *purging) seen(prefix string, step int) (found, stale int) {
	key := fmt.Appendf(nil, "http://%s.test/objects/%08d", prefix, 0)
	for i := 0; i < p.n; i += step {
		key = fmt.Appendf(key[:len(key)-8], "%08d", i)
		if o := p.Get(key); o != nil {
			found++
			if o.Stale() {
				stale++
			}
			o.Release()
		}
	}
	return found, stale
}

// purge purges, and fails the test if it takes longer than most, or if whoever begins to read when it has returned sees
// an object as it was.
func (p *purging) purge(t *testing.T, what store.Purge, most time.Duration) {
	t.Helper()
	var purged atomic.Bool
	var early, late, looks atomic.Int64
	stop := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() { // looks all the time; ends with stop
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			after := purged.Load()
			looks.Add(1)
			o := p.Get(fmt.Appendf(nil, "http://going.test/objects/%08d", i*7919%p.n))
			switch {
			case o == nil:
			case o.Stale():
				o.Release()
			case after:
				late.Add(1)
				o.Release()
			default:
				early.Add(1)
				o.Release()
			}
		}
	})
	for early.Load() == 0 { // the reader has begun
		if looks.Load() > int64(p.n) && early.Load() == 0 {
			t.Fatal("nothing to see before the purge")
		}
	}
	begin := time.Now()
	p.Purge(what)
	took := time.Since(begin)
	purged.Store(true)
	found, stale := p.seen("going", 1+p.n/100_000)
	close(stop)
	reading.Wait()
	t.Logf("%d objects are purged in %v", p.n, took)
	if took > most {
		t.Errorf("the purge took %v, want less than %v", took, most)
	}
	if found != stale || late.Load() > 0 || what.Soft != (found > 0) {
		t.Errorf("after the purge %d objects are there, %d of them stale; the reader saw %d", found, stale, late.Load())
	}
	if found, stale := p.seen("staying", 1+p.n/100_000); found < p.n/(1+p.n/100_000) || stale > 0 {
		t.Errorf("%d objects of another prefix are left, %d of them stale", found, stale)
	}
}

var goingPrefix = []byte("http://going.test/")

func TestAPurgeByPrefixOrTagIsSeenByAll(t *testing.T) {
	for name, what := range map[string]store.Purge{
		"prefix":      {Prefix: goingPrefix},
		"soft prefix": {Prefix: goingPrefix, Soft: true},
		"tag":         {Tag: store.TagHash([]byte("going"))},
		"soft tag":    {Tag: store.TagHash([]byte("going")), Soft: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPurging(t, 5000)
			defer p.close()
			p.purge(t, what, time.Second) // TestSoakPurgeOfAMillion has the bound
			p.key = append(p.key[:0], "http://going.test/objects/00000000"...)
			if !p.put() {
				t.Fatal("there is no room for a new object")
			}
			if o := p.Get(p.key); o == nil || o.Stale() {
				t.Errorf("what is stored after the purge is %v", o)
			}
		})
	}
}

// What was asked for before a purge and comes after it is not published, or only as stale.
func TestAPurgeCatchesDrafts(t *testing.T) {
	p := newPurging(t, 100)
	defer p.close()
	for _, soft := range []bool{false, true} {
		since := p.Mark()
		p.Purge(store.Purge{Prefix: goingPrefix, Soft: soft})
		d := p.Draft([]byte("http://going.test/new"), since, nil, nil, 1, 1)
		if d == nil || !d.Write([]byte("x")) {
			t.Fatal("no draft")
		}
		if got := d.Finish(nil); got != soft {
			t.Errorf("soft %v: published %v", soft, got)
		}
		d.Release()
		if o := p.Get([]byte("http://going.test/new")); (o != nil) != soft || soft && !o.Stale() {
			t.Errorf("soft %v: found %v", soft, o)
		}
	}
}
