//go:build linux

package splice

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// pair returns two connected, non-blocking stream sockets that the test closes.
func pair(t testing.TB) (near, far int) {
	t.Helper()
	fd, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd[0]); _ = unix.Close(fd[1]) })
	return fd[0], fd[1]
}

func write(t testing.TB, fd int, text string) {
	t.Helper()
	if n, err := unix.Write(fd, []byte(text)); n != len(text) || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestBytesPassFromSocketToSocketThroughAPipe(t *testing.T) {
	client, in := pair(t)
	out, endpoint := pair(t)
	pool := NewPool(1)
	defer pool.Close()
	pipe := pool.Get()
	write(t, client, "hello")
	if n, err := pipe.Fill(uintptr(in)); n != 5 || err != nil || pipe.Held() != 5 {
		t.Fatalf("Fill = %d, %v with %d held, want 5, nil, 5", n, err, pipe.Held())
	}
	if n, err := pipe.Pour(uintptr(out)); n != 5 || err != nil || pipe.Held() != 0 {
		t.Fatalf("Pour = %d, %v with %d held, want 5, nil, 0", n, err, pipe.Held())
	}
	got := make([]byte, 16)
	n, err := unix.Read(endpoint, got)
	if err != nil || string(got[:n]) != "hello" {
		t.Fatalf("read %q, %v", got[:n], err)
	}
	pool.Put(pipe)
}

func TestFillTellsNothingYetFromTheEnd(t *testing.T) {
	client, in := pair(t)
	pool := NewPool(1)
	defer pool.Close()
	pipe := pool.Get()
	defer pool.Put(pipe)
	if n, err := pipe.Fill(uintptr(in)); n != 0 || !errors.Is(err, unix.EAGAIN) {
		t.Fatalf("before any byte: %d, %v, want EAGAIN", n, err)
	}
	if err := unix.Shutdown(client, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if n, err := pipe.Fill(uintptr(in)); n != 0 || err != nil {
		t.Fatalf("after the end: %d, %v, want 0, nil", n, err)
	}
}

func TestFillRefusesWhatCannotBeSpliced(t *testing.T) {
	fd, err := unix.Open("/proc/self", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	pool := NewPool(1)
	defer pool.Close()
	pipe := pool.Get()
	defer pool.Put(pipe)
	if n, err := pipe.Fill(uintptr(fd)); n != 0 || err == nil {
		t.Fatalf("Fill from a directory = %d, %v, want an error", n, err)
	}
}

func TestPourStopsWhenTheReceiverTakesNoMore(t *testing.T) {
	client, in := pair(t)
	out, endpoint := pair(t)
	if err := unix.SetsockoptInt(out, unix.SOL_SOCKET, unix.SO_SNDBUF, 8<<10); err != nil {
		t.Fatal(err)
	}
	pool := NewPool(1)
	defer pool.Close()
	pipe := pool.Get()
	defer pool.Put(pipe)
	sent, blocked := 0, false
	for !blocked {
		write(t, client, string(bytes.Repeat([]byte("x"), 4096)))
		n, err := pipe.Fill(uintptr(in))
		if err != nil {
			t.Fatal(err)
		}
		sent += n
		for pipe.Held() > 0 && !blocked {
			_, err := pipe.Pour(uintptr(out))
			blocked = errors.Is(err, unix.EAGAIN)
			if err != nil && !blocked {
				t.Fatal(err)
			}
		}
	}
	got := 0
	for buf := make([]byte, 64<<10); got < sent; {
		n, err := unix.Read(endpoint, buf)
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
		got += max(n, 0)
		if pipe.Held() > 0 {
			_, _ = pipe.Pour(uintptr(out))
		}
	}
	if got != sent {
		t.Fatalf("got %d bytes of %d", got, sent)
	}
}

func TestAPipeThatStillHoldsBytesIsNeverReused(t *testing.T) {
	client, in := pair(t)
	pool := NewPool(4)
	defer pool.Close()
	dirty := pool.Get()
	write(t, client, "secret")
	if _, err := dirty.Fill(uintptr(in)); err != nil {
		t.Fatal(err)
	}
	pool.Put(dirty)
	if n := pool.Open(); n != 0 {
		t.Fatalf("%d pipes are open after a dirty one came back, want 0", n)
	}
	next := pool.Get()
	defer pool.Put(next)
	if next == dirty || next.Held() != 0 {
		t.Fatal("the dirty pipe came back")
	}
}

func TestPoolOpensNoMoreThanItsLimitAndClosesWhatItOpened(t *testing.T) {
	before := openFiles(t)
	pool := NewPool(8)
	var pipes []*Pipe
	for range 8 {
		pipes = append(pipes, pool.Get())
	}
	if extra := pool.Get(); extra != nil {
		t.Fatal("a ninth pipe of eight")
	}
	for _, p := range pipes {
		pool.Put(p)
	}
	if n := pool.Open(); n != 2 {
		t.Fatalf("%d pipes stay open while idle, want 2 of 8", n)
	}
	if p := pool.Get(); p == nil {
		t.Fatal("no pipe after all came back")
	} else {
		pool.Put(p)
	}
	pool.Close()
	if n, after := pool.Open(), openFiles(t); n != 0 || after != before {
		t.Fatalf("after Close: %d pipes, %d files, want 0 and %d", n, after, before)
	}
}

func TestAPoolOfNoneHandsOutNone(t *testing.T) {
	if p := NewPool(0).Get(); p != nil {
		t.Fatal("a pipe from a pool of none")
	}
}

func TestPoolGivesEachPipeToOneHolder(t *testing.T) {
	pool := NewPool(4)
	defer pool.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				p := pool.Get()
				if p == nil {
					continue
				}
				// A pipe that two held would race here.
				p.held++
				p.held--
				pool.Put(p)
			}
		})
	}
	wg.Wait()
}

func TestGetAndPutAllocateNothing(t *testing.T) {
	pool := NewPool(4)
	defer pool.Close()
	pool.Put(pool.Get())
	if n := testing.AllocsPerRun(1000, func() { pool.Put(pool.Get()) }); n != 0 {
		t.Fatalf("Get and Put allocate %v times", n)
	}
}

func BenchmarkSplice64KiB(b *testing.B) {
	client, in := pair(b)
	out, endpoint := pair(b)
	pool := NewPool(1)
	defer pool.Close()
	chunk, got := make([]byte, 64<<10), make([]byte, 64<<10)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := unix.Write(client, chunk); err != nil {
			b.Fatal(err)
		}
		p := pool.Get()
		if _, err := p.Fill(uintptr(in)); err != nil {
			b.Fatal(err)
		}
		for p.Held() > 0 {
			if _, err := p.Pour(uintptr(out)); err != nil {
				b.Fatal(err)
			}
		}
		pool.Put(p)
		for n := 0; n < len(chunk); {
			m, err := unix.Read(endpoint, got)
			if m <= 0 {
				b.Fatal(m, err)
			}
			n += m
		}
	}
}
