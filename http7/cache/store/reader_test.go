package store

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRangesAreReadExactly(t *testing.T) {
	s := small(t)
	const size = 150_000
	f := fact{key: 5}
	for _, o := range []*Object{
		put(t, s, "inside", "h", string(f.bytes(0, 50_000))),
		put(t, s, "in segments", "h", string(f.bytes(0, size))),
	} {
		n := o.Size()
		for _, c := range []struct{ from, n, want int64 }{
			{0, -1, n}, {0, 0, 0}, {0, 1, 1}, {n - 1, 1, 1}, {n, -1, 0}, {n + 5, -1, 0}, {0, n + 5, n}, {1000, 40_000, 40_000}, {49_999, -1, n - 49_999},
		} {
			var r Reader
			if !r.Open(o, c.from, c.n) {
				t.Fatalf("%+v does not open", c)
			}
			at := c.from
			for {
				chunk, state := r.Next()
				if err := f.wrong(chunk, at); err != nil {
					t.Fatalf("%+v: %v", c, err)
				}
				if at += int64(len(chunk)); state == End {
					break
				}
			}
			if at-c.from != c.want {
				t.Errorf("%s: %+v reads %d bytes", o.Key(), c, at-c.from)
			}
			r.Close()
			r.Close()
		}
		o.Release()
	}
}

func TestAReaderStreamsAlongWithTheFiller(t *testing.T) {
	s := small(t)
	o := s.Draft([]byte("k"), s.Mark(), nil, nil, -1, 1<<20)
	var r Reader
	r.Open(o, 2, 7)
	for _, c := range []struct {
		write, want string
		state       ReadState
	}{
		{"", "", Parked}, {"ab", "", Parked}, {"cd", "cd", Chunk}, {"", "", Parked}, {"efghijkl", "efghi", Chunk}, {"", "", End}, {"more", "", End},
	} {
		o.Write([]byte(c.write))
		if chunk, state := r.Next(); string(chunk) != c.want || state != c.state {
			t.Errorf("after %q: %q, %d; want %q, %d", c.write, chunk, state, c.want, c.state)
		}
	}
	r.Close()
	o.Cut()
	o.Release()
}

func TestACutIsSeenBehindWhatThereIs(t *testing.T) {
	s := small(t)
	o := s.Draft([]byte("k"), s.Mark(), nil, nil, 100, 100)
	var r Reader
	r.Open(o, 0, -1)
	o.Write([]byte("begin"))
	o.Cut()
	if chunk, state := r.Next(); string(chunk) != "begin" || state != Chunk {
		t.Errorf("%q, %d", chunk, state)
	}
	r.Await()
	if _, state := r.Next(); state != Cut {
		t.Errorf("state %d behind the bytes, want Cut", state)
	}
	r.Close()
	o.Release()
}

func TestAwaitEndsWithBytesAnEndACutOrAnInterrupt(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(o *Object, r *Reader)
		want ReadState
	}{
		"bytes":     {func(o *Object, r *Reader) { o.Write([]byte("x")) }, Chunk},
		"end":       {func(o *Object, r *Reader) { o.Finish(nil) }, End},
		"cut":       {func(o *Object, r *Reader) { o.Cut() }, Cut},
		"interrupt": {func(o *Object, r *Reader) { r.Interrupt() }, Stopped},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := small(t)
				o := s.Draft([]byte("k"), s.Mark(), nil, nil, -1, 100)
				var r Reader
				r.Open(o, 0, -1)
				defer r.Close()
				began := time.Now()
				var waiter sync.WaitGroup
				waiter.Go(func() { // waits until c.end
					r.Await()
					if waited := time.Since(began); waited != time.Second {
						t.Errorf("it waited %v", waited)
					}
				})
				time.Sleep(time.Second)
				c.end(o, &r)
				waiter.Wait()
				if _, state := r.Next(); state != c.want {
					t.Errorf("state %d, want %d", state, c.want)
				}
				o.Cut()
				o.Release()
			})
		})
	}
}

func TestAnInterruptBeforeAwaitIsNotLost(t *testing.T) {
	s := small(t)
	o := s.Draft([]byte("k"), s.Mark(), nil, nil, -1, 100)
	var r Reader
	for range 3 {
		r.Open(o, 0, -1)
		r.Interrupt()
		r.Await()
		if _, state := r.Next(); state != Stopped {
			t.Errorf("state %d", state)
		}
		r.Close()
	}
	r.Open(o, 0, -1)
	if _, state := r.Next(); state != Parked {
		t.Errorf("opened again, state %d", state)
	}
	r.Close()
	o.Release()
}

func TestWhoIsCutOffBetweenTwoStepsTouchesNothing(t *testing.T) {
	s := small(t)
	o := s.Draft([]byte("k"), s.Mark(), nil, nil, -1, 1<<20)
	o.Write(make([]byte, 100_000))
	for _, c := range []struct {
		name  string
		reads int // chunks before
	}{{"before the first segment", 0}, {"at the end of a segment", 1}} {
		var r Reader
		r.Open(o, 0, -1)
		for range c.reads {
			r.Next()
		}
		o.growth().mu.Lock()
		r.lagged.Store(true)
		o.growth().strike(&r)
		o.growth().lag(r.at)
		o.growth().mu.Unlock()
		if r.chunk(1) != nil { // Next looked before
			t.Errorf("%s: it gets bytes", c.name)
		}
		r.Close()
	}
	o.Cut()
	o.Release()
}

func TestManyReadersOfOneFillAllGetItWhole(t *testing.T) {
	s := small(t)
	f := fact{key: 1, length: 300_000}
	o := s.Draft([]byte("k"), s.Mark(), nil, nil, -1, 1<<20)
	var readers sync.WaitGroup
	for range 200 {
		o.Hold()
		readers.Go(func() { // a reader; ends with the body
			defer o.Release()
			body, err := all(o)
			if err == nil {
				err = f.wrong(body, 0)
			}
			if err != nil || len(body) != int(f.length) {
				t.Errorf("%d bytes, %v", len(body), err)
			}
		})
	}
	for at := int64(0); at < int64(f.length); at += 10_000 {
		o.Write(f.bytes(at, 10_000))
	}
	o.Finish(nil)
	readers.Wait()
	o.Release()
	if st := s.Stats(); st.Pinned != 0 || st.Objects != 1 {
		t.Errorf("%+v", st)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	s := small(t)
	put(t, s, "small", "head", "body").Release()
	put(t, s, "large", "head", strings.Repeat("body", 50_000)).Release()
	var r Reader
	for _, key := range [][]byte{[]byte("small"), []byte("large")} {
		if n := testing.AllocsPerRun(1000, func() {
			o := s.Get(key)
			o.Body()
			r.Open(o, 0, -1)
			o.Release()
			for state := Chunk; state == Chunk; {
				_, state = r.Next()
			}
			r.Close()
		}); n != 0 {
			t.Errorf("reading %s allocates %v times", key, n)
		}
	}
}

func TestAGetOfNothingAllocatesNothing(t *testing.T) {
	s := small(t)
	key := []byte("nothing")
	if n := testing.AllocsPerRun(1000, func() {
		if s.Get(key) != nil {
			t.Fatal("something")
		}
	}); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}
