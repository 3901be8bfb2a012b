package tally

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/keyed"
)

func opened(t testing.TB, path string, c *clock) *Book {
	t.Helper()
	b, err := Open(path, Day, 100, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// closed writes b down as the end of a process does.
func closed(t testing.TB, b *Book) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	b.Run(ctx, func(err error) { t.Errorf("told of %v", err) })
}

// crashed ends b as a kill does: nothing more is written.
func crashed(b *Book) { _ = b.file.close() }

func left(b *Book, key string) int64 { return b.Look(ask(key, 100)).Left + 1 }

func TestCountsOutlastRestarts(t *testing.T) {
	c, path := at("2026-01-31 12:00:00"), filepath.Join(t.TempDir(), "quota", "a")
	long := strings.Repeat("long", 50)
	for round := range 4 {
		b := opened(t, path, c)
		for _, key := range []string{"a", "b", long, ""} {
			if got := left(b, key); got != int64(100-5*round) {
				t.Errorf("round %d: %.4q has %d left, want %d", round, key, got, 100-5*round)
			}
			for range 5 {
				b.Take(ask(key, 100))
			}
		}
		if b.Damaged() {
			t.Errorf("round %d: the file is damaged", round)
		}
		closed(t, b)
	}
	c.set("2026-02-01 00:00:00")
	if b := opened(t, path, c); left(b, "a") != 100 {
		t.Errorf("the next day has %d left", left(b, "a"))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
}

func TestWhatWasFlushedOutlastsACrash(t *testing.T) {
	c, path := at("2026-01-31 12:00:00"), filepath.Join(t.TempDir(), "a")
	b := opened(t, path, c)
	for i := range 50 {
		b.Take(ask("a", 100))
		if i%10 == 0 {
			if err := b.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	crashed(b)
	next := opened(t, path, c)
	if got := left(next, "a"); got != 100-41 {
		t.Errorf("%d left, want 59: what was counted up to the last flush", got)
	}
	crashed(next)
}

func TestATurnOfThePeriodBeginsTheFileAnew(t *testing.T) {
	c, path := at("2026-01-31 12:00:00"), filepath.Join(t.TempDir(), "a")
	b := opened(t, path, c)
	granted(b, ask("a", 100))
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	c.set("2026-02-01 00:00:00")
	b.Take(ask("b", 100))
	closed(t, b)
	next := opened(t, path, c)
	if left(next, "a") != 100 || left(next, "b") != 99 {
		t.Errorf("a has %d left, b %d; want 100 and 99", left(next, "a"), left(next, "b"))
	}
	c.set("2026-01-31 23:59:59") // set back a little before the process began
	closed(t, next)
	if last := opened(t, path, c); left(last, "b") != 99 {
		t.Errorf("set back: b has %d left, want 99", left(last, "b"))
	}
}

func TestAClockThatWasFarAheadCostsNoCounts(t *testing.T) {
	c, path := at("2099-01-01 12:00:00"), filepath.Join(t.TempDir(), "a")
	b := opened(t, path, c)
	granted(b, ask("a", 100))
	closed(t, b)
	c.set("2026-01-31 12:00:00")
	next := opened(t, path, c)
	if got := granted(next, ask("a", 100)); got != 0 {
		t.Errorf("%d granted again", got)
	}
	c.set("2026-02-01 00:00:00")
	if got := granted(next, ask("a", 100)); got != 100 {
		t.Errorf("%d granted the next day, want 100", got)
	}
	closed(t, next)
}

func TestAProcessThatReplacesAnotherTakesItsCountsOver(t *testing.T) {
	c, path := at("2026-01-31 12:00:00"), filepath.Join(t.TempDir(), "a")
	before := opened(t, path, c)
	take := func(b *Book, key string, n int) {
		for range n {
			b.Take(ask(key, 100))
		}
	}
	take(before, "a", 10)
	if err := before.Flush(); err != nil {
		t.Fatal(err)
	}
	after := opened(t, path, c)
	take(after, "a", 5)
	take(after, "new", 3)
	take(before, "a", 7) // the old one still serves
	take(before, "late", 2)
	for range 2 {
		if err := after.Flush(); err != nil { // it must not write yet
			t.Fatal(err)
		}
	}
	if got := left(after, "a"); got != 85 {
		t.Errorf("before the old process ends: %d left, want 85", got)
	}
	closed(t, before)
	if err := after.Flush(); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int64{"a": 78, "new": 97, "late": 98} {
		if got := left(after, key); got != want {
			t.Errorf("%s has %d left, want %d", key, got, want)
		}
	}
	closed(t, after)
	last := opened(t, path, c)
	if got := left(last, "a"); got != 78 {
		t.Errorf("after both: %d left, want 78", got)
	}
	crashed(last)
}

func TestOldRecordsAreSweptOut(t *testing.T) {
	c, path := at("2026-01-31 12:00:00"), filepath.Join(t.TempDir(), "a")
	b := opened(t, path, c)
	for i := range 3 * slack {
		b.Take(ask("k"+strconv.Itoa(i%3), 1<<40))
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if most := int64((2*3 + slack + 10) * recordSize); err != nil || info.Size() > most {
		t.Errorf("the file has %d bytes, want at most %d; %v", info.Size(), most, err)
	}
	closed(t, b)
	next := opened(t, path, c)
	if got := next.Look(ask("k1", 1<<40)).Left; got != 1<<40-slack-1 {
		t.Errorf("%d left, want %d", got, 1<<40-slack-1)
	}
	crashed(next)
}

func TestAFileThatIsCutOrDamagedCountsAsFarAsItIsRight(t *testing.T) {
	c, dir := at("2026-01-31 12:00:00"), t.TempDir()
	path := filepath.Join(dir, "a")
	b := opened(t, path, c)
	for i := range 10 {
		for range i + 1 {
			b.Take(ask(strconv.Itoa(i), 100))
		}
	}
	closed(t, b)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, c2 := range map[string]struct {
		text []byte
		keys int
	}{
		"whole":           {whole, 10},
		"empty":           {nil, 0},
		"a cut head":      {whole[:20], 0},
		"no head":         {whole[headSize:], 0},
		"a cut record":    {whole[:headSize+3*recordSize+7], 3},
		"a flipped bit":   {flipped(whole, headSize+5*recordSize+33), 5},
		"noise behind":    {append(bytes.Clone(whole), "noise"...), 10},
		"another's magic": {append([]byte("weirqta9"), whole[8:]...), 0},
	} {
		if err := os.WriteFile(path, c2.text, 0o600); err != nil {
			t.Fatal(err)
		}
		next := opened(t, path, c)
		found := 0
		for i := range 10 {
			if got := left(next, strconv.Itoa(i)); got == int64(100-i-1) {
				found++
			} else if got != 100 {
				t.Errorf("%s: key %d has %d left", what, i, got)
			}
		}
		if damaged := what != "whole" && what != "empty"; found != c2.keys || next.Damaged() != damaged {
			t.Errorf("%s: %d keys, damaged %v; want %d", what, found, next.Damaged(), c2.keys)
		}
		closed(t, next)
	}
}

func flipped(text []byte, at int) []byte {
	text = bytes.Clone(text)
	text[at] ^= 1
	return text
}

func TestAPlaceThatCantBeWrittenIsToldOnceAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "deep")
		path := filepath.Join(dir, "a")
		b, err := Open(path, Day, 100, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { // the writer
			defer close(ended)
			b.Run(ctx, func(err error) {
				if err == nil {
					told = append(told, "works")
				} else if errors.Is(err, os.ErrNotExist) {
					told = append(told, "fails")
				} else {
					told = append(told, err.Error())
				}
			})
		}()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			b.Take(ask("a", 100))
			time.Sleep(flushEvery)
		}
		synctest.Wait()
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * flushEvery)
		stop()
		<-ended
		if got := strings.Join(told, " "); got != "fails works" {
			t.Errorf("told: %s", got)
		}
		next, err := Open(path, Day, 100, time.Now)
		if err != nil || left(next, "a") != 95 {
			t.Errorf("%d left, want 95; %v", left(next, "a"), err)
		}
		crashed(next)
	})
}

func TestAPlaceThatCantBeHadIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(path, "b"), Day, 10, time.Now); err == nil {
		t.Error("a file below a file was opened")
	}
	if err := os.Mkdir(path+"2", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path+"2", Day, 10, time.Now); err == nil {
		t.Error("a folder was opened as a file")
	}
}

func TestTheKeysWithoutAPlaceOutlastARestartTogether(t *testing.T) {
	c, path := at("2026-01-31 12:00:00"), filepath.Join(t.TempDir(), "a")
	b, err := Open(path, Day, 1, c.now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		b.Take(ask(strconv.Itoa(i), 100))
	}
	share := b.Take(ask("x", 100))
	closed(t, b)
	next, err := Open(path, Day, 1, c.now)
	if err != nil {
		t.Fatal(err)
	}
	if got := next.Take(ask("y", 100)); !share.Overflow || !got.Overflow || got.Left != share.Left-1 {
		t.Errorf("before %+v, after %+v", share, got)
	}
	crashed(next)
}

// FuzzFile: whatever a file says, what is read of it is what would be written.
func FuzzFile(f *testing.F) {
	begins := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC).Unix()
	whole := appendRecord(appendRecord(head(begins, begins+86400), keyed.NameOf([]byte("a")), 7, begins), overflowName, 9, begins)
	f.Add(whole)
	f.Add(whole[:60])
	f.Add(head(0, -1))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := read(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if c.counts == nil {
			return
		}
		if !bytes.HasPrefix(text, head(c.begins, c.ends)) {
			t.Error("the head is not the file's")
		}
		for name, count := range c.counts {
			if !bytes.Contains(text, appendRecord(nil, name, count, c.begins)) {
				t.Errorf("%x: %d is not in the file", name, count)
			}
		}
	})
}

func TestASuccessorCountsWhatTheOtherHasCountedSinceItBegan(t *testing.T) {
	for what, c := range map[string]struct {
		before, after int // how many the first takes before the second begins, and behind it
		midnight      bool
		left          int64
	}{
		"in one period":           {50, 40, false, 10},
		"before it has written":   {0, 40, false, 60},
		"in the next period":      {50, 40, true, 60},
		"nothing in the next one": {50, 0, true, 100},
	} {
		t.Run(what, func(t *testing.T) {
			now, path := at("2026-01-31 23:59:00"), filepath.Join(t.TempDir(), "a")
			first := opened(t, path, now)
			for range c.before {
				first.Take(ask("key", 100))
			}
			if err := first.Flush(); err != nil {
				t.Fatal(err)
			}
			second := opened(t, path, now)
			if c.midnight {
				now.set("2026-02-01 00:00:10")
			}
			for range c.after {
				first.Take(ask("key", 100))
			}
			closed(t, first)
			if err := second.Flush(); err != nil {
				t.Fatal(err)
			}
			if got := left(second, "key"); got != c.left {
				t.Errorf("%d are left, want %d", got, c.left)
			}
			closed(t, second)
		})
	}
}

// A disk that hangs holds a flush up; requests must not notice, at the border of periods either.
func TestNoRequestWaitsForTheDisk(t *testing.T) {
	now, path := at("2026-01-31 23:59:00"), filepath.Join(t.TempDir(), "a")
	b := opened(t, path, now)
	b.Take(ask("key", 100))
	b.file.mu.Lock() // a flush that does not come back
	now.set("2026-02-01 00:00:10")
	if g := b.Take(ask("key", 100)); !g.OK || g.Left != 99 {
		t.Errorf("got %+v", g)
	}
	b.file.mu.Unlock()
	closed(t, b)
	if again := opened(t, path, now); left(again, "key") != 99 {
		t.Errorf("%d are left", left(again, "key"))
	}
}

func TestAFileThatSomebodyRemovesIsWrittenAnew(t *testing.T) {
	now, path := at("2026-01-31 12:00:00"), filepath.Join(t.TempDir(), "a")
	b := opened(t, path, now)
	for range 3 {
		b.Take(ask("key", 100))
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	b.Take(ask("other", 100))
	closed(t, b)
	again := opened(t, path, now)
	if got, other := left(again, "key"), left(again, "other"); got != 97 || other != 99 {
		t.Errorf("%d and %d are left, want 97 and 99", got, other)
	}
}
