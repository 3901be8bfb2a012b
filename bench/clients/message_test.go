package clients

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"weir/bench"
)

func TestOriginFormKeepsEveryByte(t *testing.T) {
	for _, path := range []string{"/", "/a?b=c", "/a%2Fb", "/%zz", "/a?b=%", "//two", "/a//b", "/grüße", "/a;b?c;d", "/a?", "*", "/a:b", "/?x=http://y/z"} {
		u, err := originForm(path)
		if err != nil || u.RequestURI() != path {
			t.Errorf("%q became %q, %v", path, u.RequestURI(), err)
		}
	}
	for _, path := range []string{"", "a", "http://other/", "?a"} {
		if u, err := originForm(path); err == nil {
			t.Errorf("%q became %q; want an error", path, u)
		}
	}
}

func FuzzOriginFormKeepsEveryByte(f *testing.F) {
	for _, s := range []string{"/", "/a?b=c", "//two", "/%zz", "*", "", "http://other/", "///", "//[::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := originForm(path)
		if err == nil && !strings.HasPrefix(path, "//") && u.RequestURI() != path {
			t.Errorf("%q became %q", path, u.RequestURI())
		}
	})
}

func TestFieldsOfAConnectionStayAtHome(t *testing.T) {
	for name, want := range map[string]bool{
		"Connection": true, "keep-alive": true, "Proxy-Connection": true, "TRANSFER-ENCODING": true, "TE": true,
		"upgrade": true, "Accept": false, "X-Connection": false, "Trailer": false,
	} {
		if ofConnection(name) != want {
			t.Errorf("%s: %v, want %v", name, !want, want)
		}
	}
}

func TestARecalledBodyIsReadNoMore(t *testing.T) {
	b := &lentBody{rest: []byte("hello")}
	var two [2]byte
	if n, err := b.Read(two[:]); n != 2 || err != nil || string(two[:]) != "he" {
		t.Errorf("%d %v %q", n, err, two)
	}
	if left := b.recall(); left != 3 {
		t.Errorf("%d bytes left, want 3", left)
	}
	if n, err := b.Read(two[:]); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("behind recall: %d %v", n, err)
	}
	if (*lentBody)(nil).recall() != 0 {
		t.Error("no body has bytes left")
	}
}

func TestARecalledBodyMayBeOverwritten(t *testing.T) {
	// Run with -race: a library's goroutine reads while the worker takes the body back and fills in the next one.
	block := make([]byte, 1<<16)
	b := &lentBody{rest: block}
	var reading sync.WaitGroup
	reading.Go(func() {
		var p [64]byte
		for {
			if _, err := b.Read(p[:]); err != nil {
				return
			}
		}
	})
	b.recall()
	for i := range block {
		block[i] = 1
	}
	reading.Wait()
}

func TestABodyIsCountedWholeAndKeptToItsLimit(t *testing.T) {
	var b bodyReader
	for _, d := range []struct {
		body string
		keep bool
		kept int
	}{
		{"", true, 0}, {"hello", true, 5}, {"hello", false, 0},
		{strings.Repeat("x", bench.MaxExpectedBody), true, bench.MaxExpectedBody},
		{strings.Repeat("x", bench.MaxExpectedBody+1), true, bench.MaxExpectedBody},
	} {
		var a bench.Answer
		if err := b.read(strings.NewReader(d.body), d.keep, &a); err != nil || a.In != int64(len(d.body)) || len(a.Body) != d.kept {
			t.Errorf("%d bytes, keep %v: counted %d, kept %d, %v; want %d", len(d.body), d.keep, a.In, len(a.Body), err, d.kept)
		}
	}
	var a bench.Answer
	err := b.read(io.MultiReader(strings.NewReader("abc"), brokenReader{}), true, &a)
	if !errors.Is(err, io.ErrUnexpectedEOF) || a.In != 3 || string(a.Body) != "abc" {
		t.Errorf("%v, %+v; want what came, and the error", err, a)
	}
}

func TestReadingABodyDoesNotAllocate(t *testing.T) {
	var b bodyReader
	text := strings.Repeat("x", 4<<10)
	from := strings.NewReader(text)
	var a bench.Answer
	read := func() {
		from.Reset(text)
		if err := b.read(from, true, &a); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if n := testing.AllocsPerRun(100, read); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
