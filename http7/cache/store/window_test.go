package store

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tape is a doomed draft with a filler that writes a body of so many bytes.
type tape struct {
	t    *testing.T
	s    *Store
	o    *Object
	f    fact
	took time.Duration
	ok   bool
	fill sync.WaitGroup
}

func newTape(t *testing.T, length int64) *tape {
	return &tape{t: t, s: small(t), f: fact{key: 3, length: uint64(length)}}
}

// start lets the filler loose.
func (tp *tape) start() { tp.startAt(0) }

// startAt does so when a part has been written.
func (tp *tape) startAt(from int64) {
	tp.fill.Go(func() { // the filler; ends with the body, or if nobody reads
		began := time.Now()
		for at := from; at < int64(tp.f.length); at += 50_000 {
			if tp.ok = tp.o.Write(tp.f.bytes(at, min(50_000, int64(tp.f.length)-at))); !tp.ok {
				tp.o.Cut()
				return
			}
			if st := tp.s.Stats(); st.Drafts == 1 && st.DraftBytes > window+200_000 {
				tp.t.Errorf("a doomed draft has %d bytes", st.DraftBytes)
			}
		}
		if tp.o.Finish(nil) && tp.o.is(doomed) {
			tp.t.Error("it is published")
		}
		tp.took = time.Since(began)
	})
}

// reader reads chunk after chunk, each for so long, and returns how many bytes it got and the last state.
func (tp *tape) reader(r *Reader, each func(at int64) time.Duration) (at int64, state ReadState) {
	defer r.Close()
	for {
		chunk, state := r.Next()
		switch state {
		case Parked:
			r.Await()
		case Chunk:
			<-time.After(each(at)) // in the bubble's time
			// The bytes must still be what they were.
			if err := tp.f.wrong(chunk, at); err != nil {
				tp.t.Error(err)
				return at, state
			}
			at += int64(len(chunk))
		default:
			return at, state
		}
	}
}

func TestADoomedBodyFlowsThroughAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTape(t, 20<<20)
		tp.o = tp.s.Draft([]byte("k"), tp.s.Mark(), nil, nil, -1, 100)
		var readers sync.WaitGroup
		for i := range 3 {
			r := new(Reader)
			r.Open(tp.o, 0, -1)
			readers.Go(func() { // a reader; ends with the body
				at, state := tp.reader(r, func(int64) time.Duration { return time.Duration(i) * 10 * time.Millisecond })
				if at != int64(tp.f.length) || state != End {
					t.Errorf("reader %d: %d bytes, state %d", i, at, state)
				}
			})
		}
		tp.start()
		tp.fill.Wait()
		readers.Wait()
		if !tp.ok || tp.took < time.Second || tp.took > 10*time.Second {
			t.Errorf("the filler took %v; want the pace of the slowest reader; %v", tp.took, tp.ok)
		}
		tp.o.Release()
		if st := tp.s.Stats(); st.Objects != 0 || st.Pinned != 0 || st.Doomed != 1 || tp.s.shards[0].arena.used != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestWhoHoldsOthersUpIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTape(t, 8<<20)
		tp.o = tp.s.Draft([]byte("k"), tp.s.Mark(), nil, nil, -1, 100)
		var fast, slow Reader
		fast.Open(tp.o, 0, -1)
		slow.Open(tp.o, 0, -1)
		var readers sync.WaitGroup
		readers.Go(func() { // reads at once; ends with the body
			if at, state := tp.reader(&fast, func(int64) time.Duration { return 0 }); at != int64(tp.f.length) || state != End {
				t.Errorf("the fast one: %d bytes, state %d", at, state)
			}
		})
		readers.Go(func() { // is stuck with a chunk for a minute; ends cut
			at, state := tp.reader(&slow, func(at int64) time.Duration {
				if at > 300_000 {
					return time.Minute
				}
				return 0
			})
			if at > 1<<20 || state != Cut {
				t.Errorf("the slow one: %d bytes, state %d", at, state)
			}
		})
		tp.start()
		tp.fill.Wait()
		if tp.took < patience || tp.took > 2*patience {
			t.Errorf("the filler took %v", tp.took)
		}
		readers.Wait()
		tp.o.Release()
		tp.s.Stats()
		if used := tp.s.shards[0].arena.used; used != 0 {
			t.Errorf("%d units are lost", used)
		}
	})
}

func TestAReaderWhoHoldsUpNobodyIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTape(t, 3<<20)
		tp.o = tp.s.Draft([]byte("k"), tp.s.Mark(), nil, nil, -1, 100)
		var r Reader
		r.Open(tp.o, 0, -1)
		var readers sync.WaitGroup
		readers.Go(func() { // pauses once; ends with the body
			at, state := tp.reader(&r, func(at int64) time.Duration {
				if at == 0 {
					return time.Hour
				}
				return 0
			})
			if at != int64(tp.f.length) || state != End {
				t.Errorf("%d bytes, state %d", at, state)
			}
		})
		tp.start()
		tp.fill.Wait()
		readers.Wait()
		tp.o.Release()
	})
}

func TestAFillerStopsWhenItsDoomedBodyHasNoReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTape(t, 8<<20)
		tp.o = tp.s.Draft([]byte("k"), tp.s.Mark(), nil, nil, -1, 100)
		var r Reader
		r.Open(tp.o, 0, -1)
		tp.start()
		synctest.Wait() // the filler waits for r
		if tp.o.Size() < window || tp.o.Size() > window+200_000 {
			t.Errorf("the filler waits at %d", tp.o.Size())
		}
		r.Close()
		tp.fill.Wait()
		if tp.ok {
			t.Error("it went on")
		}
		tp.o.Release()
	})
}

func TestTheBeginningOfADoomedBodyIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTape(t, 8<<20)
		tp.o = tp.s.Draft([]byte("k"), tp.s.Mark(), nil, nil, -1, 100)
		var r, late Reader
		r.Open(tp.o, 0, -1)
		var readers sync.WaitGroup
		readers.Go(func() { tp.reader(&r, func(int64) time.Duration { return 0 }) }) // ends with the body
		tp.start()
		tp.fill.Wait()
		readers.Wait()
		if late.Open(tp.o, 0, -1) {
			t.Error("a late reader gets it from the beginning")
		}
		late.Close()
		if body, ok := tp.o.Body(); ok {
			t.Errorf("Body returns %d bytes", len(body))
		}
		tp.o.Release()
	})
}

// occupy lets somebody hold all of a store but so many bytes, and returns who ends that.
func occupy(t *testing.T, s *Store, left int64) (leave func()) {
	var held []*Object
	sh := &s.shards[0]
	for _, size := range []int64{blockBytes, 10_000, 1000} {
		for sh.used()+left+size < sh.limit {
			key := fmt.Sprint("held ", len(held))
			o := s.Draft([]byte(key), s.Mark(), nil, nil, size-int64(len(key)), size)
			if o == nil {
				break
			}
			held = append(held, o)
			if !o.Write(make([]byte, size-int64(len(key)))) || !o.Finish(nil) {
				t.Fatal("it can't be occupied")
			}
			s.Drop(o)
		}
	}
	return func() {
		for _, o := range held {
			o.Release()
		}
	}
}

func TestAFillerWithoutMemoryWaitsForSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := small(t)
		o := s.Draft([]byte("k"), s.Mark(), nil, nil, -1, 1<<20)
		o.Write(make([]byte, 5000))
		leave := occupy(t, s, 0)
		var r Reader
		r.Open(o, 0, -1) // and reads nothing
		var filler sync.WaitGroup
		began := time.Now()
		filler.Go(func() { // ends with its last write
			if !o.Write(make([]byte, 50_000)) || !o.Write(make([]byte, 200_000)) {
				t.Error("it has given up")
			}
		})
		time.Sleep(time.Minute)
		leave()
		filler.Wait()
		if waited := time.Since(began); waited > time.Minute+2*retry {
			t.Errorf("it waited %v", waited)
		}
		o.Cut()
		r.Close()
		o.Release()
	})
}

func TestAFillerWithNothingAtAllGivesUpInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := small(t)
		o := s.Draft([]byte("k"), s.Mark(), nil, nil, -1, 1<<20)
		sh := &s.shards[0]
		sh.limit = 0 // as if others had it all
		var r Reader
		r.Open(o, 0, -1)
		began := time.Now()
		if o.Write([]byte("x")) || time.Since(began) < patience || time.Since(began) > patience+2*retry {
			t.Errorf("it has waited for %v", time.Since(began))
		}
		if st := s.Stats(); st.Refused != 1 || st.Doomed != 1 {
			t.Errorf("%+v", st)
		}
		o.Cut()
		r.Close()
		o.Release()
	})
}

// Its only reader pauses again and again, for longer than anybody's patience.
func TestABodyPassesThroughWhatLittleMemoryItHas(t *testing.T) {
	for name, left := range map[string]int64{"no more than its first segments": 0, "200 kB": 200_000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tp := newTape(t, 3<<20)
				tp.o = tp.s.Draft([]byte("k"), tp.s.Mark(), nil, nil, -1, 1<<20)
				tp.o.Write(tp.f.bytes(0, 5000))
				leave := occupy(t, tp.s, left)
				var r Reader
				r.Open(tp.o, 0, -1)
				var readers sync.WaitGroup
				readers.Go(func() { // ends with the body
					chunks := 0
					at, state := tp.reader(&r, func(int64) time.Duration {
						if chunks++; chunks%20 == 3 {
							return time.Minute
						}
						return 0
					})
					if at != int64(tp.f.length) || state != End {
						t.Errorf("%d bytes, state %d", at, state)
					}
				})
				tp.startAt(5000)
				tp.fill.Wait()
				readers.Wait()
				if !tp.ok {
					t.Error("the filler has given up")
				}
				leave()
				tp.o.Release()
				if st := tp.s.Stats(); st.Pinned != 0 || st.Doomed != 1 || tp.s.shards[0].arena.used != 0 {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

func TestWhatHasBegunIsNeverCutForItsSlowReaders(t *testing.T) {
	for _, c := range []struct {
		name         string
		size, length int64
		most         int64
		drafts       int // of six
		stored       uint64
	}{
		{"known lengths", 600_000, 600_000, 1 << 20, 3, 3},
		{"unknown lengths", 600_000, -1, 1 << 20, 1, 1},
		{"unknown lengths that find out", 600_000, -1, 600_000, 3, 3},
		{"too long", 3 << 20, -1, 300_000, 6, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := small(t)
				var all sync.WaitGroup
				var drafts []*tape
				for i := range 6 {
					o := s.Draft(fmt.Append(nil, i), s.Mark(), nil, []byte("h"), c.length, c.most)
					if o != nil {
						drafts = append(drafts, &tape{t: t, s: s, o: o, f: fact{key: uint64(i), length: uint64(c.size)}})
					}
				}
				for i, tp := range drafts {
					r := new(Reader)
					r.Open(tp.o, 0, -1)
					all.Go(func() { // pauses for 8 s now and then; ends with the body
						at, state := tp.reader(r, func(at int64) time.Duration {
							if (at>>16+int64(i))%5 == 0 {
								return 8 * time.Second
							}
							return 0
						})
						if at != c.size || state != End {
							t.Errorf("reader %d: %d bytes, state %d", i, at, state)
						}
					})
					tp.startAt(0)
				}
				all.Wait()
				for _, tp := range drafts {
					tp.fill.Wait()
					tp.o.Release()
				}
				if st := s.Stats(); len(drafts) != c.drafts || st.Stored != c.stored || st.Pinned != 0 || s.shards[0].promised != 0 {
					t.Errorf("%d drafts, want %d: %+v", len(drafts), c.drafts, st)
				}
			})
		})
	}
}

func TestWhoHoldsUpMemoryIsCutOffToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTape(t, 800_000)
		tp.o = tp.s.Draft([]byte("k"), tp.s.Mark(), nil, nil, -1, 1<<20)
		leave := occupy(t, tp.s, 400_000)
		var fast, slow Reader
		fast.Open(tp.o, 0, -1)
		slow.Open(tp.o, 0, -1)
		var readers sync.WaitGroup
		readers.Go(func() { // reads at once; ends with the body
			if at, state := tp.reader(&fast, func(int64) time.Duration { return 0 }); at != int64(tp.f.length) || state != End {
				t.Errorf("the fast one: %d bytes, state %d", at, state)
			}
		})
		readers.Go(func() { // is stuck with its first chunk; ends cut
			if at, state := tp.reader(&slow, func(int64) time.Duration { return time.Minute }); at > 200_000 || state != Cut {
				t.Errorf("the slow one: %d bytes, state %d", at, state)
			}
		})
		tp.start()
		tp.fill.Wait()
		readers.Wait()
		if !tp.ok {
			t.Error("the filler has given up")
		}
		leave()
		tp.o.Release()
		if st := tp.s.Stats(); st.Pinned != 0 || tp.s.shards[0].arena.used != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// Who wants the end of a body does not keep its beginning in memory.
func TestAReaderWhoWaitsForALaterPartHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTape(t, 4<<20)
		tp.o = tp.s.Draft([]byte("k"), tp.s.Mark(), nil, nil, -1, 100)
		var r Reader
		r.Open(tp.o, 3<<20, -1)
		var readers sync.WaitGroup
		readers.Go(func() { // ends with the body
			at := int64(3 << 20)
			for {
				chunk, state := r.Next()
				if state == Parked {
					r.Await()
					continue
				}
				if state != Chunk {
					r.Close()
					if at != 4<<20 || state != End {
						t.Errorf("it ends at %d, state %d", at, state)
					}
					return
				}
				if err := tp.f.wrong(chunk, at); err != nil {
					t.Error(err)
				}
				at += int64(len(chunk))
			}
		})
		tp.start()
		tp.fill.Wait()
		readers.Wait()
		tp.o.Release()
	})
}
