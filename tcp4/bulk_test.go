package tcp4

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pump writes total bytes, no two blocks alike, and returns their sum; errors show at the reader.
func pump(w io.Writer, total int) uint32 {
	sum, block := uint32(0), make([]byte, 64<<10)
	for sent := 0; sent < total; sent += len(block) {
		for i := 0; i < len(block); i += 1024 {
			binary.LittleEndian.PutUint64(block[i:], uint64(sent+i))
		}
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), block)
		if _, err := w.Write(block); err != nil {
			break
		}
	}
	return sum
}

// drink reads to the end and returns sum and length of what came.
func drink(r io.Reader) (sum uint32, n int) {
	for buf := make([]byte, 256<<10); ; {
		m, err := r.Read(buf)
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), buf[:m])
		if n += m; err != nil {
			return sum, n
		}
	}
}

// rss returns the resident memory of this process in bytes.
func rss(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

func TestOneGiBPassesUnchangedInBoundedMemory(t *testing.T) {
	leavesNothing(t)
	total := 1 << 30
	if raced { // when memory is not judged
		total = 1 << 28
	}
	type result struct {
		sum uint32
		n   int
	}
	arrived := make(chan result, 1)
	s := relayTo(t, nil, endpoint(t, func(c *net.TCPConn) {
		sum, n := drink(c)
		arrived <- result{sum, n}
	}))
	c := s.dial()
	before := rss(t)
	want := pump(c, 1<<20)
	eventually(t, "the direction spliced", func() bool {
		_, _ = c.Write(make([]byte, 4096)) // uncounted warm-up follows below
		return s.sessions.pipes.Open() > 0
	})
	_ = c.CloseWrite()
	if r := await(t, arrived); r.n < 1<<20 || want == 0 {
		t.Fatalf("warm-up: %d bytes", r.n)
	}
	c = s.dial()
	_ = c.SetDeadline(time.Now().Add(20 * patience)) // a slow machine may take a while
	want = pump(c, total)
	_ = c.CloseWrite()
	if got := await(t, arrived); got.sum != want || got.n != total {
		t.Errorf("%d bytes with sum %x arrived, want %d with %x", got.n, got.sum, total, want)
	}
	if grown := rss(t) - before; grown > 16<<20 && !raced {
		t.Errorf("1 GiB grew the process by %d KiB", grown>>10)
	}
}

func TestADirectionGoesToBulkAndBack(t *testing.T) {
	d := direction{}
	feed := func(other bool, times, enough int) {
		for range times {
			d.lean(other, enough)
		}
	}
	feed(true, bulkAfter-1, bulkAfter)
	feed(false, 1, bulkAfter)
	feed(true, bulkAfter-1, bulkAfter)
	if d.bulk {
		t.Fatal("bulk, though a small read came between")
	}
	feed(true, 1, bulkAfter)
	if !d.bulk {
		t.Fatal("not bulk after enough full reads in a row")
	}
	feed(true, smallAfter-1, smallAfter)
	feed(false, 1, smallAfter)
	if !d.bulk {
		t.Fatal("left bulk, though a big splice came between")
	}
	feed(true, smallAfter, smallAfter)
	if d.bulk {
		t.Fatal("still bulk after enough small splices in a row")
	}
}

func TestSmallMessagesAfterBulkStillPass(t *testing.T) {
	s := relayTo(t, nil, endpoint(t, echo))
	c := s.dial()
	for round := range 3 {
		sum := make(chan uint32, 1)
		go func() { sum <- pump(c, 8<<20) }()
		got := crc32.New(crc32.MakeTable(crc32.Castagnoli))
		if n, err := io.CopyN(got, c, 8<<20); err != nil {
			t.Fatalf("round %d: %d bytes, %v", round, n, err)
		}
		if want := await(t, sum); got.Sum32() != want {
			t.Fatalf("round %d: sum %x, want %x", round, got.Sum32(), want)
		}
		for range 50 {
			send(t, c, "ping")
			expect(t, c, "ping")
		}
	}
	eventually(t, "no pipe held by a session that waits", func() bool {
		return s.sessions.pipes.Open() <= maxPipes/4
	})
}

func TestWithoutPipesBulkIsCopied(t *testing.T) {
	s := relayTo(t, nil, endpoint(t, echo))
	var taken int
	for p := s.sessions.pipes.Get(); p != nil; p = s.sessions.pipes.Get() {
		taken++
		defer s.sessions.pipes.Put(p)
	}
	if taken != maxPipes {
		t.Fatalf("%d pipes, want %d", taken, maxPipes)
	}
	c := s.dial()
	sum := make(chan uint32, 1)
	go func() {
		sum <- pump(c, 8<<20)
		_ = c.CloseWrite()
	}()
	got, n := drink(c)
	if want := await(t, sum); got != want || n != 8<<20 {
		t.Errorf("%d bytes with sum %x, want %d with %x", n, got, 8<<20, want)
	}
}

func TestASenderIsHeldBackByAReceiverThatDoesNotRead(t *testing.T) {
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	c := s.dial()
	_ = c.SetWriteBuffer(64 << 10)
	e := await(t, conns)
	_ = e.SetReadBuffer(64 << 10)
	sent := make(chan int, 1)
	go func() {
		n, block := 0, make([]byte, 64<<10)
		for {
			m, err := c.Write(block)
			if n += m; err != nil {
				sent <- n
				return
			}
		}
	}()
	// The writer stalls once all buffers on the way are full: then nothing moves between looks.
	last, still := int64(-1), 0
	eventually(t, "the sender held back", func() bool {
		now := bytesPassed(s.sessions)
		if still++; now != last {
			last, still = now, 0
		}
		return still > 300
	})
	reset(e)
	if n := await(t, sent); n > 64<<20 {
		t.Errorf("%d bytes left the sender before it was held back", n)
	}
}

func bytesPassed(s *Sessions) (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.running {
		n += one.in.bytes.Load()
	}
	return n
}
