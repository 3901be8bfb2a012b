package store

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// small returns a store of 4 MiB whose freed memory is poisoned.
func small(t testing.TB) *Store {
	t.Helper()
	s, err := open(4<<20, memory{poison: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// put publishes an object, and returns it held.
func put(t testing.TB, s *Store, key, head, body string, tags ...string) *Object {
	t.Helper()
	o := s.Draft([]byte(key), s.Mark(), hashes(tags), []byte(head), int64(len(body)), int64(len(body)))
	if o == nil || !o.Write([]byte(body)) || !o.Finish(nil) {
		t.Fatalf("%s can't be stored", key)
	}
	return o
}

func hashes(tags []string) (h []uint64) {
	for _, tag := range tags {
		h = append(h, TagHash([]byte(tag)))
	}
	return h
}

// look returns head and body of what Get returns, "" if that is nil. A stale one has a star.
func look(t testing.TB, s *Store, key string) string {
	t.Helper()
	o := s.Get([]byte(key))
	if o == nil {
		return ""
	}
	defer o.Release()
	body, err := all(o)
	if err != nil {
		t.Errorf("%s: %v", key, err)
	}
	text := string(o.Head()) + ":" + string(body)
	if o.Stale() {
		text += "*"
	}
	return text
}

// all reads o to its end.
func all(o *Object) (body []byte, err error) {
	var r Reader
	if !r.Open(o, 0, -1) {
		return nil, fmt.Errorf("the reader does not open")
	}
	defer r.Close()
	for {
		chunk, state := r.Next()
		switch body = append(body, chunk...); state {
		case Parked:
			r.Await()
		case End:
			return body, nil
		case Cut, Stopped:
			return body, fmt.Errorf("state %d behind %d bytes", state, len(body))
		}
	}
}

func TestAnObjectIsWhatWasWritten(t *testing.T) {
	s := small(t)
	for _, size := range []int{0, 1, 127, 128, 4087, 4088, 4089, 64 << 10, 200_000, 1 << 20} {
		for _, known := range []bool{true, false} {
			for _, step := range []int{1 << 20, 5000, 100} {
				key := fmt.Sprintf("%d %v %d", size, known, step)
				f := fact{key: uint64(size), body: uint64(step)}
				length := int64(-1)
				if known {
					length = int64(size)
				}
				o := s.Draft([]byte(key), s.Mark(), nil, []byte("head "+key), length, 1<<20)
				if o == nil {
					t.Fatalf("%s: no room", key)
				}
				body := f.bytes(0, int64(size))
				for at := 0; at < size; at += step {
					if !o.Write(body[at:min(at+step, size)]) {
						t.Fatalf("%s: no room at %d", key, at)
					}
				}
				if o.Whole() || o.Size() != int64(size) || o.Length() != length || s.Get([]byte(key)) != nil {
					t.Errorf("%s is whole or published before Finish; %d of %d bytes", key, o.Size(), o.Length())
				}
				if !o.Finish([]byte("trailer")) || string(o.Trailer()) != "trailer" || o.Length() != int64(size) {
					t.Errorf("%s: not published, or trailer %q, length %d", key, o.Trailer(), o.Length())
				}
				o.Release()
				if got, want := look(t, s, key), "head "+key+":"+string(body); got != want {
					t.Errorf("%s: %d bytes come back, want %d, or others", key, len(got), len(want))
				}
			}
		}
	}
}

func TestASmallBodyLiesInOnePiece(t *testing.T) {
	s := small(t)
	for _, c := range []struct {
		body  int
		known bool
		piece bool
	}{{0, true, true}, {0, false, true}, {1000, true, true}, {1000, false, true}, {60_000, true, true}, {100_000, true, false}, {100_000, false, false}} {
		length := int64(-1)
		if c.known {
			length = int64(c.body)
		}
		o := s.Draft([]byte("k"), 0, nil, []byte("h"), length, 1<<20)
		o.Write(bytes.Repeat([]byte("x"), c.body))
		if b, ok := o.Body(); ok {
			t.Errorf("%+v: a draft has a body of %d bytes", c, len(b))
		}
		o.Finish(nil)
		if b, ok := o.Body(); ok != c.piece || ok && len(b) != c.body {
			t.Errorf("%+v: Body returns %d bytes, %v", c, len(b), ok)
		}
		o.Release()
	}
}

func TestABodyThatIsNotWhatWasSaidIsNotPublished(t *testing.T) {
	for _, c := range []struct {
		name   string
		length int64
		do     func(o *Object) bool
	}{
		{"shorter", 10, func(o *Object) bool { return o.Write([]byte("123456789")) && o.Finish(nil) }},
		{"longer", 10, func(o *Object) bool { return o.Write([]byte("12345678901")) }},
		{"longer in two", 10, func(o *Object) bool { return o.Write([]byte("123456789")) && o.Write([]byte("01")) }},
		{"cut", -1, func(o *Object) bool { o.Write([]byte("123")); o.Cut(); return o.Finish(nil) }},
		{"written after the cut", -1, func(o *Object) bool { o.Cut(); return o.Write([]byte("123")) }},
		{"finished twice", -1, func(o *Object) bool { o.Finish(nil); o.shard().store.Drop(o); return o.Finish(nil) }},
		{"over most, unread", -1, func(o *Object) bool { return o.Write(make([]byte, 101)) }},
		{"a trailer over 64 KiB", -1, func(o *Object) bool { return o.Finish(make([]byte, 64<<10+1)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := small(t)
			o := s.Draft([]byte("k"), s.Mark(), nil, []byte("h"), c.length, 100)
			if c.do(o) {
				t.Error("it is taken")
			}
			o.Cut()
			if got := look(t, s, "k"); got != "" {
				t.Errorf("Get returns %q", got)
			}
			if _, err := all(o); !o.Whole() && err == nil {
				t.Error("its reader sees the end of a whole body")
			}
			o.Release()
			if st := s.Stats(); st.Drafts != 0 || st.DraftBytes != 0 || st.Pinned != 0 {
				t.Errorf("left behind: %+v", st)
			}
		})
	}
}

func TestDraftsThatCannotBeAreRefused(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	for _, c := range []struct {
		name         string
		key, head    string
		length, most int64
		want         bool
	}{
		{"the largest key", long[:60_000], "", 1, 1, true},
		{"a key of 64 KiB", long, "", 1, 1, false},
		{"key and head of 64 KiB", "k", long[1:], 1, 1, true},
		{"key and head over 64 KiB", "k", long, 1, 1, false},
		{"a length over most", "k", "h", 11, 10, false},
		{"no most", "k", "h", -1, -1, false},
		{"a length over half of the store", "k", "h", 3 << 20, 3 << 20, false},
		{"nothing at all", "", "", 0, 0, true},
	} {
		s := small(t)
		o := s.Draft([]byte(c.key), s.Mark(), nil, []byte(c.head), c.length, c.most)
		if (o != nil) != c.want {
			t.Errorf("%s: Draft returns %v", c.name, o)
		}
		if o != nil {
			o.Release()
		}
	}
}

func TestDraftsThatGrowHaveHalfOfTheMemoryAtMost(t *testing.T) {
	for _, c := range []struct {
		name         string
		length, most int64
		size, want   int // of a body; drafts
	}{
		{"of a known length", 100_000, 1 << 20, 100_000, 20},
		{"of an unknown length", -1, 300_000, 300_000, 6},
		{"shorter than they might be", -1, 300_000, 10, 6},
		{"of an unknown length over what the store takes", -1, 1 << 40, 1_000_000, 1},
	} {
		s := small(t)
		for i := range 100 {
			put(t, s, fmt.Sprint("old ", i), "h", strings.Repeat("x", 10_000)).Release()
		}
		var drafts []*Object
		for o := (*Object)(nil); ; drafts = append(drafts, o) {
			if o = s.Draft(fmt.Append(nil, len(drafts)), s.Mark(), nil, []byte("h"), c.length, c.most); o == nil {
				break
			}
		}
		// They are all begun: each gets what it was promised.
		for _, o := range drafts {
			if !o.Write(make([]byte, c.size)) || o.is(doomed) {
				t.Errorf("%s: a draft is refused memory", c.name)
			}
		}
		st := s.Stats()
		if len(drafts) != c.want || st.DraftBytes > st.Limit/2 || st.Objects == 0 || st.Refused != 1 {
			t.Errorf("%s: %d drafts, want %d: %+v", c.name, len(drafts), c.want, st)
		}
		for i, o := range drafts {
			if i%2 == 0 {
				o.Finish(nil)
			}
			o.Release()
		}
		if st = s.Stats(); st.DraftBytes != 0 || st.Drafts != 0 || s.shards[0].promised != 0 {
			t.Errorf("%s: after their release: %+v", c.name, st)
		}
	}
}

func TestSmallDraftsGoOnWhenAllIsPromisedThatMayGrow(t *testing.T) {
	s := small(t)
	grows := s.Draft([]byte("grows"), s.Mark(), nil, nil, -1, 1<<40)
	if s.Draft([]byte("too"), s.Mark(), nil, nil, -1, 100_000) != nil || s.Draft([]byte("too"), s.Mark(), nil, nil, 100_000, 100_000) != nil {
		t.Error("another one may grow")
	}
	var small []*Object
	for o := (*Object)(nil); ; small = append(small, o) {
		if o = s.Draft(fmt.Append(nil, len(small)), s.Mark(), nil, nil, 50_000, 50_000); o == nil {
			break
		}
	}
	if len(small) < 15 || len(small) > 21 {
		t.Errorf("%d small ones, want a quarter of the store", len(small))
	}
	if o := put(t, small[0].shard().store, "k", "h", ""); o == nil || s.Refresh(o, s.Mark(), nil, []byte("new")) == nil {
		t.Error("what is whole is not refreshed")
	}
	for at := 0; at < 1_900_000; at += 100_000 {
		if !grows.Write(make([]byte, 100_000)) {
			t.Fatalf("what was promised ends at %d", at)
		}
	}
	if !grows.Finish([]byte("trailer")) {
		t.Error("it is not published")
	}
	for _, o := range append(small, grows) {
		o.Cut()
		o.Release()
	}
}

func TestWhatWasPromisedIsGivenBack(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(o *Object)
		want int64 // bytes set apart then, at most
	}{
		{"by Finish", func(o *Object) { o.Write(make([]byte, 500_000)); o.Finish(nil) }, 0},
		{"by Finish with a trailer", func(o *Object) { o.Write(make([]byte, 500)); o.Finish([]byte("trailer")) }, 0},
		{"by Cut", func(o *Object) { o.Write(make([]byte, 500_000)); o.Cut() }, 0},
		{"by nobody", func(*Object) {}, 1_010_000},
		{"while it is written by nobody", func(o *Object) { o.Write(make([]byte, 999_999)) }, 1_010_000},
		{"by growing too long, but for what it has", func(o *Object) {
			var r Reader
			defer r.Close()
			r.Open(o, 0, -1)
			o.Write(make([]byte, 500_000))
			o.Write(make([]byte, 500_001))
		}, 1_200_000},
		{"by growing too long and being read", func(o *Object) {
			var r Reader
			defer r.Close()
			r.Open(o, 0, -1)
			o.Write(make([]byte, 1_000_000))
			for state := Chunk; state == Chunk; {
				_, state = r.Next()
			}
			o.Write(make([]byte, 10))
			r.Next()
			o.Write(make([]byte, 10))
		}, 140_000},
	} {
		s := small(t)
		o := s.Draft([]byte("k"), s.Mark(), nil, []byte("h"), -1, 1_000_000)
		c.do(o)
		if got := s.shards[0].promised * unitBytes; got > c.want || got < c.want/10 {
			t.Errorf("%s: %d bytes are set apart, want %d", c.name, got, c.want)
		}
		o.Cut()
		o.Release()
		if st := s.Stats(); s.shards[0].promised != 0 || st.DraftBytes != 0 || st.Pinned != 0 {
			t.Errorf("%s: left behind: %d units, %+v", c.name, s.shards[0].promised, st)
		}
	}
}

func TestANewObjectTakesThePlaceOfTheOldAndReadersKeepTheirs(t *testing.T) {
	s := small(t)
	old := put(t, s, "k", "1", "old body")
	put(t, s, "k", "2", "new body").Release()
	if got := look(t, s, "k"); got != "2:new body" {
		t.Errorf("Get returns %q", got)
	}
	if body, err := all(old); string(body) != "old body" || err != nil || old.Published() {
		t.Errorf("who holds the old one reads %q, %v", body, err)
	}
	old.Release()
	if st := s.Stats(); st.Objects != 1 || st.Replaced != 1 || st.Pinned != 0 {
		t.Errorf("%+v", st)
	}
}

func TestARefreshedObjectHasTheBodyOfTheOld(t *testing.T) {
	s := small(t)
	for _, body := range []string{"", "body", strings.Repeat("long ", 50_000)} {
		o := put(t, s, "k", "0", body)
		for i := 1; i < 5; i++ {
			n := s.Refresh(o, s.Mark(), nil, fmt.Append(nil, i))
			if n == nil {
				t.Fatal("no refresh")
			}
			o.Release()
			o = n
		}
		o.Release()
		if got := look(t, s, "k"); got != "4:"+body {
			t.Errorf("%.20q, want %.20q", got, "4:"+body)
		}
		// The first one is there for its body, the three between are gone.
		if st := s.Stats(); st.Objects != 1 || st.Pinned != 1 {
			t.Errorf("%+v", st)
		}
		s.DropKey([]byte("k"))
		if st := s.Stats(); st.Objects != 0 || st.Pinned != 0 || s.shards[0].arena.used != 0 {
			t.Errorf("after the drop: %+v", st)
		}
	}
}

func TestARefreshIsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(s *Store, o *Object)
		want string // what Get returns then
	}{
		{"after another fill", func(s *Store, o *Object) { put(t, s, "k", "2", "two").Release() }, "2:two"},
		{"after a purge of the key", func(s *Store, o *Object) { s.DropKey([]byte("k")) }, ""},
		{"after a purge by prefix", func(s *Store, o *Object) { s.Purge(Purge{Prefix: []byte("k")}) }, ""},
		{"after a purge of a tag that it has now", func(s *Store, o *Object) { s.Purge(Purge{Tag: TagHash([]byte("new"))}) }, "1:one"},
		{"after Close", func(s *Store, o *Object) { s.Close() }, ""},
	} {
		s := small(t)
		o := put(t, s, "k", "1", "one")
		since := s.Mark()
		c.do(s, o)
		if n := s.Refresh(o, since, hashes([]string{"new"}), []byte("3")); n != nil {
			t.Errorf("%s: it is published", c.name)
			n.Release()
		}
		o.Release()
		if got := look(t, s, "k"); got != c.want {
			t.Errorf("%s: Get returns %q, want %q", c.name, got, c.want)
		}
	}
}

func TestADraftIsNotRefreshed(t *testing.T) {
	s := small(t)
	o := s.Draft([]byte("k"), s.Mark(), nil, []byte("h"), -1, 10)
	if s.Refresh(o, s.Mark(), nil, []byte("h")) != nil {
		t.Error("it is")
	}
	o.Release()
}

func TestDropTakesThisObjectAlone(t *testing.T) {
	s := small(t)
	old := put(t, s, "k", "1", "one")
	now := put(t, s, "k", "2", "two")
	s.Drop(old)
	if got := look(t, s, "k"); got != "2:two" {
		t.Errorf("after the drop of the old one: %q", got)
	}
	s.Drop(now)
	s.Drop(now)
	if got := look(t, s, "k"); got != "" || s.Stats().Purged != 1 {
		t.Errorf("after the drop: %q, %+v", got, s.Stats())
	}
	old.Release()
	now.Release()
}

func TestAFullStoreEvictsAndKeepsItsLimit(t *testing.T) {
	s := small(t)
	for i := range 3000 {
		put(t, s, fmt.Sprint(i), "head", strings.Repeat("x", i*7919%7000)).Release()
		if st := s.Stats(); st.Bytes > st.Limit {
			t.Fatalf("after %d: %+v", i, st)
		}
	}
	if st := s.Stats(); st.EvictedSmall == 0 || st.Objects < 500 || st.Bytes < st.Limit*19/20 {
		t.Errorf("%+v", st)
	}
}

func TestManySmallObjectsAreCountedWithAllThatTheyNeed(t *testing.T) {
	t.Parallel()
	s := small(t)
	for i := range 30_000 {
		put(t, s, fmt.Sprint(i), "", "").Release()
	}
	st := s.Stats()
	// An object of no bytes has an entry, a unit, and places in index and ghosts.
	if per := st.Bytes / st.Objects; st.Bytes > st.Limit || per < 128+128+16 || per > 400 {
		t.Errorf("%d bytes each: %+v", per, st)
	}
}

func TestAStoreThatIsClosedTakesNothing(t *testing.T) {
	s := small(t)
	held := put(t, s, "held", "h", "body")
	put(t, s, "k", "h", "body").Release()
	draft := s.Draft([]byte("draft"), s.Mark(), nil, nil, 4, 4)
	draft.Write([]byte("body"))
	s.Close()
	if draft.Finish(nil) || s.Draft([]byte("k"), s.Mark(), nil, nil, 1, 1) != nil || look(t, s, "k") != "" {
		t.Error("it does")
	}
	if body, err := all(held); string(body) != "body" || err != nil {
		t.Errorf("who holds an object reads %q, %v", body, err)
	}
	held.Release()
	draft.Release()
}

func TestASizeBelowTheSmallestIsAnError(t *testing.T) {
	if s, err := New(Smallest - 1); s != nil || err == nil {
		t.Error("it is taken")
	}
}
