package filewatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// watched is a file of a test, and what was loaded from it.
type watched struct {
	t      *testing.T
	path   string
	w      *Watcher
	file   *File
	log    bytes.Buffer
	moment time.Time // of the last write, so that two never have one time

	mu     sync.Mutex
	loads  int
	served string
}

// watch watches a file that says "one". What says "bad" is not taken.
func watch(t *testing.T) *watched {
	t.Helper()
	f := &watched{t: t, path: filepath.Join(t.TempDir(), "file"), moment: time.Unix(1_000_000, 0)}
	f.w = New(slog.New(slog.NewTextHandler(&f.log, nil)))
	f.write("one")
	var err error
	if f.file, err = f.w.Watch("edge.api_key", f.path, f.load); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *watched) load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loads++
	text, err := os.ReadFile(f.path)
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(string(text), "bad"):
		return errors.New("line 1: it is " + string(text))
	}
	f.served = string(text)
	return nil
}

// write writes the file in place, a second later than before.
func (f *watched) write(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.moment = f.moment.Add(time.Second)
	f.touch(f.path, f.moment)
}

func (f *watched) touch(path string, at time.Time) {
	f.t.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		f.t.Fatal(err)
	}
}

// is fails the test unless what is served and how often the file was loaded is so.
func (f *watched) is(when, served string, loads int) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.served != served || f.loads != loads {
		f.t.Errorf("%s: %q is served after %d loads, want %q after %d", when, f.served, f.loads, served, loads)
	}
}

// looks looks so often.
func (f *watched) looks(n int) {
	for range n {
		f.w.Look()
	}
}

func TestAFileIsLoadedAtOnceAndAgainWhenItHasChangedAndStoodStill(t *testing.T) {
	f := watch(t)
	f.is("at first", "one", 1)
	f.looks(3)
	f.is("unchanged", "one", 1)
	f.write("two")
	f.is("changed", "one", 1)
	f.looks(1)
	f.is("seen once", "one", 1)
	f.looks(1)
	f.is("seen to stand still", "two", 2)
	f.looks(3)
	f.is("unchanged again", "two", 2)
	if got := f.log.String(); !strings.Contains(got, `msg="a changed file is taken" policy=edge.api_key file=`+f.path) {
		t.Errorf("the log says %q", got)
	}
}

func TestAFileThatIsBeingWrittenIsNotLoaded(t *testing.T) {
	f := watch(t)
	for i := range 5 {
		f.write(strings.Repeat("part ", i))
		f.looks(1)
	}
	f.is("while it grows", "one", 1)
	f.looks(1)
	f.is("at its end", "part part part part ", 2)
}

func TestEveryWayToChangeAFileIsNoticed(t *testing.T) {
	for what, change := range map[string]func(f *watched){
		"another size": func(f *watched) {
			was := f.moment
			f.write("longer")
			f.touch(f.path, was)
		},
		"another time": func(f *watched) { f.write("two") },
		"another file in its place, of the same size and time": func(f *watched) {
			other := f.path + ".new"
			if err := os.WriteFile(other, []byte("two"), 0o600); err != nil {
				f.t.Fatal(err)
			}
			f.touch(other, f.moment)
			if err := os.Rename(other, f.path); err != nil {
				f.t.Fatal(err)
			}
		},
		"a link to another file": func(f *watched) {
			other := f.path + ".2"
			f.link("two", other)
		},
	} {
		f := watch(t)
		change(f)
		f.looks(2)
		if f.loads != 2 || f.served == "one" {
			t.Errorf("%s: %q is served after %d loads", what, f.served, f.loads)
		}
	}
}

// link puts a link to a new file in the place of the old one.
func (f *watched) link(text, other string) {
	f.t.Helper()
	if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.touch(other, f.moment)
	if err := errors.Join(os.Remove(f.path), os.Symlink(other, f.path)); err != nil {
		f.t.Fatal(err)
	}
}

func TestWhatIsNotTakenLeavesWhatWasThereAndIsNotTriedTwice(t *testing.T) {
	f := watch(t)
	if why := f.file.Failed(); why != "" {
		t.Errorf("at first: %s", why)
	}
	f.write("bad two")
	f.looks(4)
	f.is("with a bad file", "one", 2)
	if why := f.file.Failed(); why != "line 1: it is bad two" {
		t.Errorf("it failed because %q", why)
	}
	if got := f.log.String(); !strings.Contains(got, `msg="a changed file is not taken, what it held before stays" policy=edge.api_key file=`+f.path+` error="line 1: it is bad two"`) {
		t.Errorf("the log says %q", got)
	}
	f.write("bad three")
	f.looks(2)
	f.is("with another bad file", "one", 3)
	if why := f.file.Failed(); why != "line 1: it is bad three" {
		t.Errorf("it failed because %q", why)
	}
	f.write("four")
	f.looks(2)
	f.is("with a good file", "four", 4)
	if why := f.file.Failed(); why != "" {
		t.Errorf("it is served, and failed because %q", why)
	}
}

func TestAFileThatIsGoneIsMissedOnceAndTakenWhenItIsBack(t *testing.T) {
	f := watch(t)
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	f.looks(4)
	f.is("gone", "one", 2)
	if why := f.file.Failed(); !strings.Contains(why, "no such file") {
		t.Errorf("it failed because %q", why)
	}
	f.write("back")
	f.looks(2)
	f.is("back", "back", 3)
}

func TestAFileThatIsAsItWasBeforeItIsLoadedIsLeftAlone(t *testing.T) {
	f := watch(t)
	was := f.moment
	f.touch(f.path, was.Add(time.Hour))
	f.looks(1)
	f.touch(f.path, was)
	f.looks(3)
	f.is("touched to and fro", "one", 1)
}

func TestWhatCannotBeLoadedAtFirstIsNotWatched(t *testing.T) {
	f := watch(t)
	f.write("bad")
	loads := 0
	file, err := f.w.Watch("p", f.path, func() error { loads++; return errors.New("no") })
	if err == nil || err.Error() != "no" || file != nil {
		t.Errorf("got %v, %v", file, err)
	}
	f.write("two")
	f.looks(3)
	if loads != 1 {
		t.Errorf("loaded %d times", loads)
	}
	f.is("the other watch", "two", 2)
}

func TestAClosedWatchLoadsNothing(t *testing.T) {
	f := watch(t)
	f.write("two")
	f.looks(1)
	f.file.Close()
	f.file.Close()
	f.looks(3)
	f.is("closed", "one", 1)
}

func TestALoadMayWatchAndClose(t *testing.T) {
	f := watch(t)
	inner := 0
	var file *File
	file, err := f.w.Watch("p", f.path, func() error {
		if inner++; inner == 1 {
			return nil
		}
		file.Close()
		_, err := f.w.Watch("p", f.path, func() error { inner++; return nil })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f.write("two")
	f.looks(2)
	f.write("three")
	f.looks(2)
	if f.is("the first watch", "three", 3); inner != 4 {
		t.Errorf("%d loads of the others, want 4", inner)
	}
}

func TestOneFileMayBeWatchedByMany(t *testing.T) {
	f := watch(t)
	var seen [3]string
	for i := range seen {
		if _, err := f.w.Watch("p", f.path, func() error {
			text, err := os.ReadFile(f.path)
			seen[i] += string(text) + " "
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	f.write("two")
	f.looks(2)
	if seen != [3]string{"one two ", "one two ", "one two "} {
		t.Errorf("seen %q", seen)
	}
}

func TestRunLooksEveryTwoSecondsUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := watch(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.w.Run(ctx) }()
		<-time.After(10*Every + Every/2)
		f.is("for ten looks", "one", 1)
		f.write("two")
		<-time.After(Every)
		synctest.Wait()
		f.is("a look later", "one", 1)
		<-time.After(Every)
		synctest.Wait()
		f.is("two looks later", "two", 2)
		f.write("three")
		stop()
		<-done
		<-time.After(10 * Every)
		f.is("at its end", "two", 2)
	})
}

func TestManyWatchAndCloseWhileItLooks(t *testing.T) {
	dir, w := t.TempDir(), New(nil)
	ctx, stop := context.WithCancel(t.Context())
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		for ctx.Err() == nil {
			w.Look()
		}
	}()
	var all sync.WaitGroup
	for i := range 8 {
		path := filepath.Join(dir, fmt.Sprint(i))
		all.Go(func() {
			for n := range 50 {
				if err := os.WriteFile(path, []byte(fmt.Sprint(n)), 0o600); err != nil {
					t.Error(err)
					return
				}
				f, err := w.Watch("p", path, func() error { _, err := os.ReadFile(path); return err })
				if err != nil {
					t.Error(err)
					return
				}
				_ = f.Failed()
				f.Close()
			}
		})
	}
	all.Wait()
	stop()
	<-looked
	if len(w.files) != 0 {
		t.Errorf("%d files are still watched", len(w.files))
	}
}
