package store

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// pages is what the tests below store: keys, and their tags.
var pages = map[string][]string{
	"http://a/1":    {"red"},
	"http://a/2":    {"red", "blue"},
	"http://a/10":   {"blue"},
	"http://b/1":    {"green", "red"},
	"http://b/none": nil,
}

// after returns what look finds of the pages: gone, stale or fresh.
func after(t *testing.T, s *Store) (gone, stale []string) {
	for key := range pages {
		switch got := look(t, s, key); {
		case got == "":
			gone = append(gone, key)
		case strings.HasSuffix(got, "*"):
			stale = append(stale, key)
		}
	}
	slices.Sort(gone)
	slices.Sort(stale)
	return gone, stale
}

func TestAPurgeTakesWhatItNamesAndNothingElse(t *testing.T) {
	tag := func(name string) uint64 { return TagHash([]byte(name)) }
	for _, c := range []struct {
		name string
		p    Purge
		want []string
	}{
		{"key", Purge{Key: []byte("http://a/1")}, []string{"http://a/1"}},
		{"unknown key", Purge{Key: []byte("http://a/")}, nil},
		{"prefix", Purge{Prefix: []byte("http://a/1")}, []string{"http://a/1", "http://a/10"}},
		{"prefix of none", Purge{Prefix: []byte("http://c")}, nil},
		{"empty prefix", Purge{Prefix: []byte{}}, []string{"http://a/1", "http://a/10", "http://a/2", "http://b/1", "http://b/none"}},
		{"tag", Purge{Tag: tag("red")}, []string{"http://a/1", "http://a/2", "http://b/1"}},
		{"second tag", Purge{Tag: tag("blue")}, []string{"http://a/10", "http://a/2"}},
		{"unknown tag", Purge{Tag: tag("black")}, nil},
		{"all", Purge{All: true}, []string{"http://a/1", "http://a/10", "http://a/2", "http://b/1", "http://b/none"}},
		{"nothing", Purge{}, nil},
	} {
		for _, soft := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, soft %v", c.name, soft), func(t *testing.T) {
				s := small(t)
				for key, tags := range pages {
					put(t, s, key, "h", "b", tags...).Release()
				}
				c.p.Soft = soft
				for range 2 { // at once, and when the sweep has passed
					s.Purge(c.p)
					gone, stale := after(t, s)
					if soft {
						gone, stale = stale, gone
					}
					if !slices.Equal(gone, c.want) || stale != nil {
						t.Errorf("it takes %v, and touches %v; want %v", gone, stale, c.want)
					}
					settle(s)
				}
				if st := s.Stats(); st.Backlog != 0 || !soft && st.Objects != int64(len(pages)-len(c.want)) || st.Purges != 2 && c.name != "nothing" {
					t.Errorf("%+v", st)
				}
			})
		}
	}
}

func TestWhatIsStoredAfterAPurgeIsNotTouchedByIt(t *testing.T) {
	s := small(t)
	for _, p := range []Purge{{Key: []byte("k")}, {Prefix: []byte("k")}, {Tag: TagHash([]byte("t"))}, {All: true}, {All: true, Soft: true}} {
		s.Purge(p)
		put(t, s, "k", "h", "b", "t").Release()
		if got := look(t, s, "k"); got != "h:b" {
			t.Errorf("behind %+v Get returns %q", p, got)
		}
	}
}

func TestADraftIsSubjectToPurgesSinceItsMark(t *testing.T) {
	for name, p := range map[string]Purge{
		"key": {Key: []byte("key")}, "prefix": {Prefix: []byte("ke")}, "tag": {Tag: TagHash([]byte("t"))}, "all": {All: true},
	} {
		for _, when := range []string{"before the draft", "while it is written", "before, and swept", "before another of the kind"} {
			for _, soft := range []bool{false, true} {
				s := small(t)
				p.Soft = soft
				since := s.Mark()
				if when != "while it is written" {
					s.Purge(p)
				}
				if when == "before, and swept" {
					settle(s)
				}
				if when == "before another of the kind" {
					s.Purge(Purge{Key: []byte("other")})
					s.Purge(Purge{Prefix: []byte("other")})
					s.Purge(Purge{Tag: 7, Soft: true})
				}
				o := s.Draft([]byte("key"), since, hashes([]string{"t"}), []byte("h"), 1, 1)
				o.Write([]byte("b"))
				if when == "while it is written" {
					if o.Purged() {
						t.Errorf("%s: purged before", name)
					}
					s.Purge(p)
				}
				if o.Purged() != !soft || o.Finish(nil) != soft {
					t.Errorf("a purge by %s %s, soft %v: purged %v, published %v", name, when, soft, o.Purged(), o.Published())
				}
				if got, want := look(t, s, "key"), map[bool]string{true: "h:b*", false: ""}[soft]; got != want {
					t.Errorf("a purge by %s %s, soft %v: Get returns %q", name, when, soft, got)
				}
				if body, err := all(o); string(body) != "b" || err != nil {
					t.Errorf("its readers see %q, %v", body, err)
				}
				o.Release()
			}
		}
	}
}

func TestARefreshMakesAStaleObjectFresh(t *testing.T) {
	s := small(t)
	put(t, s, "k", "1", "b").Release()
	s.Purge(Purge{All: true, Soft: true})
	o := s.Get([]byte("k"))
	if !o.Stale() {
		t.Error("it is fresh before")
	}
	s.Refresh(o, s.Mark(), nil, []byte("2")).Release()
	o.Release()
	if got := look(t, s, "k"); got != "2:b" {
		t.Errorf("Get returns %q", got)
	}
}

func TestOldRecordsAreForgottenAndDraftsThatNeedThemNotPublished(t *testing.T) {
	t.Parallel()
	for name, purge := range map[string]func(i int) Purge{
		"prefixes": func(i int) Purge { return Purge{Prefix: fmt.Append(nil, "p", i)} },
		"tags":     func(i int) Purge { return Purge{Tag: uint64(i + 1)} },
	} {
		s := small(t)
		most := map[string]int{"prefixes": prefixesKept, "tags": tagsKept}[name]
		put(t, s, "stays", "h", "b").Release()
		old := s.Mark()
		var late Mark
		for i := range 2*most + 10 {
			s.purges.add(purge(i))
			if i == 2*most {
				late = s.Mark()
			}
		}
		s.startSweep()
		settle(s)
		r := s.purges.records.Load()
		if n := len(r.prefixes) + r.tags.used; n > most+10 || n < most || r.floor == 0 {
			t.Errorf("%s: %d records are kept, up to %d forgotten", name, n, r.floor)
		}
		if look(t, s, "stays") == "" {
			t.Errorf("%s: an object that no purge names is gone", name)
		}
		for since, want := range map[Mark]bool{old: false, late: true} {
			o := s.Draft([]byte("k"), since, nil, nil, 0, 0)
			if got := o.Finish(nil); got != want {
				t.Errorf("%s: a draft since %d is published: %v", name, since, got)
			}
			o.Release()
		}
	}
}

func TestTooManyPrefixesAtOncePurgeEverything(t *testing.T) {
	s := small(t)
	put(t, s, "k", "h", "b").Release()
	since := s.Mark()
	for i := range prefixesMost + 1 {
		if look(t, s, "k") == "" {
			t.Fatalf("it is gone after %d", i)
		}
		s.purges.add(Purge{Prefix: fmt.Append(nil, "p", i)})
	}
	if look(t, s, "k") != "" || len(s.purges.records.Load().prefixes) != 0 {
		t.Error("it is still there")
	}
	o := s.Draft([]byte("k"), since, nil, nil, 0, 0)
	if o.Finish(nil) {
		t.Error("a draft from before is published")
	}
	o.Release()
}

func TestTheTableOfTagsGrowsUnderItsReaders(t *testing.T) {
	s := small(t)
	o := put(t, s, "k", "h", "b", "mine")
	defer o.Release()
	var stop atomic.Bool
	var reader sync.WaitGroup
	reader.Go(func() { // looks until stopped; the tag is not purged
		for !stop.Load() {
			if look(t, s, "k") != "h:b" {
				t.Error("it is gone, or stale")
				return
			}
		}
	})
	for i := range 3000 {
		s.purges.add(Purge{Tag: TagHash(fmt.Append(nil, i)), Soft: i%2 == 0})
	}
	stop.Store(true)
	reader.Wait()
	for i := range 3000 {
		found := s.purges.records.Load().tags.find(TagHash(fmt.Append(nil, i)))
		if found == nil || found[kind(i%2 == 0)].Load() != uint64(i+1) || found[kind(i%2 != 0)].Load() != 0 {
			t.Fatalf("tag %d: %v", i, found)
		}
	}
}

func TestTagHashIsNeverNothing(t *testing.T) {
	if TagHash(nil) == 0 || TagHash([]byte("a")) == TagHash([]byte("b")) {
		t.Error("it is, or all are the same")
	}
}

func TestASweepEndsWithTheStore(t *testing.T) {
	s, err := New(4 << 20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		put(t, s, fmt.Sprint(i), "h", "b").Release()
	}
	s.Purge(Purge{Prefix: []byte("1")})
	s.Close()
	s.Purge(Purge{All: true})
	if s.purges.sweep.ended != nil {
		select {
		case <-s.purges.sweep.ended:
		default:
			t.Error("a sweep is under way")
		}
	}
}

func TestAPurgeAllocatesLittle(t *testing.T) {
	s := small(t)
	for name, c := range map[string]struct {
		p    Purge
		most float64
	}{"key": {Purge{Key: []byte("k")}, 0}, "tag": {Purge{Tag: 5}, 2}} {
		if n := testing.AllocsPerRun(100, func() {
			if c.p.Key != nil {
				s.Purge(c.p)
			} else {
				s.purges.add(c.p)
			}
		}); n > c.most {
			t.Errorf("a purge by %s allocates %v times", name, n)
		}
	}
}
