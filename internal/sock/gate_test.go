package sock

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/deadline"
)

// held keeps what is written to it while hold is true.
type held struct {
	*net.TCPConn
	hold bool
	kept []byte
}

func (h *held) Write(b []byte) (int, error) {
	if h.hold {
		h.kept = append(h.kept, b...)
		return len(b), nil
	}
	return h.TCPConn.Write(b)
}

// records returns what TLS makes of texts, a record for each.
func (h *held) records(t testing.TB, over *tls.Conn, texts ...string) (all [][]byte) {
	t.Helper()
	h.hold = true
	for _, s := range texts {
		h.kept = nil
		write(t, over, s)
		all = append(all, h.kept)
	}
	h.hold = false
	return all
}

// tlsPair returns a connection over TLS with a gate, and the other end of it.
func tlsPair(t testing.TB, version uint16) (c *Conn, client *tls.Conn, wire *held) {
	t.Helper()
	near, far := tcp(t)
	server := tls.Server(NewGate(near), &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MaxVersion: version})
	wire = &held{TCPConn: far}
	client = tls.Client(wire, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test's own certificate
	hand := make(chan error)
	go func() { hand <- client.Handshake() }() // ends with the handshake
	if err := errors.Join(server.Handshake(), <-hand); err != nil {
		t.Fatal(err)
	}
	c = &Conn{}
	if err := c.Init(server); err != nil {
		t.Fatal(err)
	}
	deadline.New().Bind(&c.Timer, func() {})
	t.Cleanup(c.Close)
	return c, client, wire
}

// looping loops over r until stop is in a window; each window is told to turns.
func looping(c *Conn, r *Reader, stop string, turns chan<- string) (ended <-chan error) {
	done := make(chan error, 1)
	go func() { // the loop; ends with stop, or with the connection
		done <- r.Loop(roomy, func() bool {
			got := string(r.Window())
			r.Consume(r.Buffered())
			r.Release()
			_, _ = c.Write([]byte("!"))
			turns <- got
			return !strings.Contains(got, stop)
		})
		close(turns)
	}()
	return done
}

func TestLoopOverTLSTakesRecordsHoweverTheyCome(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, send := range map[string]func(wire *held, all [][]byte, turned func()){
			"one by one": func(wire *held, all [][]byte, turned func()) {
				for _, b := range all {
					write(t, wire, string(b))
					turned()
				}
			},
			"all at once": func(wire *held, all [][]byte, turned func()) {
				write(t, wire, string(slices.Concat(all...)))
				for range all {
					turned()
				}
			},
			"each in two pieces": func(wire *held, all [][]byte, turned func()) {
				for _, b := range all {
					write(t, wire, string(b[:3]))
					await(t, func() bool { return unread(wire) == 0 })
					write(t, wire, string(b[3:]))
					turned()
				}
			},
			"with half of the next": func(wire *held, all [][]byte, turned func()) {
				write(t, wire, string(all[0])+string(all[1][:9]))
				turned()
				write(t, wire, string(all[1][9:])+string(all[2][:20]))
				turned()
				write(t, wire, string(all[2][20:]))
				turned()
			},
		} {
			c, client, wire := tlsPair(t, version)
			r := reader(c)
			turns := make(chan string)
			ended := looping(c, r, "third", turns)
			var got []string
			send(wire, wire.records(t, client, "first", "the second", "the third of all"), func() { got = append(got, <-turns) })
			if err := <-ended; err != nil || strings.Join(got, ",") != "first,the second,the third of all" {
				t.Errorf("%s, %s: turns %q, %v", tls.VersionName(version), name, got, err)
			}
			if r.head != nil || r.body != nil {
				t.Errorf("%s: the reader still holds a block", name)
			}
			// What comes behind the loop is read as ever.
			write(t, client, "more")
			if err := r.FillHead(roomy); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for r.Buffered() < 4 {
				if err := r.FillHead(roomy); err != nil {
					t.Fatal(err)
				}
			}
			if string(r.Window()) != "more" {
				t.Errorf("%s: behind the loop came %q", name, r.Window())
			}
		}
	}
}

// unread returns how much of what was written has not been taken by the other end.
func unread(wire *held) int {
	var c Conn
	if c.Init(wire.TCPConn) != nil {
		return -1
	}
	return c.Unsent()
}

func TestLoopOverTLSTakesMoreThanABlockHolds(t *testing.T) {
	t.Parallel()
	c, client, _ := tlsPair(t, 0)
	r := reader(c)
	const size = 5*SmallBlock + 7
	sent := make(chan error, 1)
	go func() { // sends records of 16 KiB; ends with the last
		_, err := io.WriteString(client, strings.Repeat("x", size))
		sent <- err
	}()
	total := 0
	err := r.Loop(roomy, func() bool {
		total += r.Buffered()
		r.Consume(r.Buffered())
		r.Release()
		return total < size
	})
	if err = errors.Join(err, <-sent); err != nil || total != size {
		t.Errorf("%d bytes, %v", total, err)
	}
}

func TestLoopOverTLSEndsAsTheConnectionDoes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(c *Conn, client *tls.Conn, wire *held)
		want error
	}{
		"close_notify":      {func(_ *Conn, client *tls.Conn, _ *held) { _ = client.CloseWrite() }, io.EOF},
		"an end":            {func(_ *Conn, _ *tls.Conn, wire *held) { _ = wire.CloseWrite() }, io.EOF},
		"an end in between": {func(_ *Conn, _ *tls.Conn, wire *held) { write(t, wire, "\x17\x03\x03"); _ = wire.CloseWrite() }, io.ErrUnexpectedEOF},
		"an interrupt":      {func(c *Conn, _ *tls.Conn, _ *held) { c.Interrupt(DeadlinePassed) }, os.ErrDeadlineExceeded},
		"what is no record": {func(_ *Conn, _ *tls.Conn, wire *held) { write(t, wire, "GET / HTTP/1.1\r\n\r\n") }, nil},
		"a forged record":   {func(_ *Conn, _ *tls.Conn, wire *held) { write(t, wire, "\x17\x03\x03\x00\x20"+strings.Repeat("x", 32)) }, nil},
		"a reset":           {func(_ *Conn, _ *tls.Conn, wire *held) { _ = wire.SetLinger(0); _ = wire.Close() }, nil},
	} {
		c, client, wire := tlsPair(t, 0)
		r := reader(c)
		turns := make(chan string, 1)
		ended := looping(c, r, "", turns)
		test.end(c, client, wire)
		if err := <-ended; err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if len(turns) > 0 || r.head != nil || r.body != nil {
			t.Errorf("%s: there was a turn, or the reader still holds a block", name)
		}
		if c.gate.ajar || c.gate.shut {
			t.Errorf("%s: the gate is not as it was", name)
		}
	}
}

func TestAnEndBehindARequestIsSeenAfterItsTurn(t *testing.T) {
	t.Parallel()
	c, client, wire := tlsPair(t, 0)
	wire.records(t, client, "request")
	wire.hold = true
	_ = client.CloseWrite()
	wire.hold = false
	_ = wire.SetWriteDeadline(time.Time{}) // crypto/tls has set one
	write(t, wire, string(wire.kept))
	turns := make(chan string, 1)
	ended := looping(c, reader(c), "never", turns)
	if got, err := <-turns, <-ended; got != "request" || err != io.EOF {
		t.Errorf("a turn with %q, then %v", got, err)
	}
}

func TestWhoCanLoop(t *testing.T) {
	t.Parallel()
	plain, _ := pair(t)
	gated, _, _ := tlsPair(t, 0)
	near, _ := tcp(t)
	bare := &Conn{}
	if err := bare.Init(tls.Server(near, &tls.Config{})); err != nil {
		t.Fatal(err)
	}
	any := &Conn{}
	any.InitAny(near)
	for name, c := range map[*Conn]bool{plain: true, gated: true, bare: false, any: false} {
		if got := reader(name).Loops(); got != c {
			t.Errorf("got %v, want %v", got, c)
		}
	}
}

func TestAGateWritesAllThatTheSocketTakesBitByBit(t *testing.T) {
	t.Parallel()
	c, client, _ := tlsPair(t, 0)
	big := strings.Repeat("0123456789abcdef", 1<<20) // 16 MiB: more than the socket takes at once
	got := make(chan string, 1)
	go func() { // reads all of it; ends with it
		b := make([]byte, len(big))
		n, _ := io.ReadFull(client, b)
		got <- string(b[:n])
	}()
	if n, err := c.Write([]byte(big)); n != len(big) || err != nil {
		t.Fatalf("%d of %d bytes, %v", n, len(big), err)
	}
	if <-got != big {
		t.Error("other bytes came")
	}
}

func TestAGateTellsWhyAWriteFailed(t *testing.T) {
	t.Parallel()
	near, far := tcp(t)
	g := NewGate(near)
	_ = near.SetWriteDeadline(time.Unix(1, 0))
	if n, err := g.Write([]byte("late")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("behind its deadline: %d, %v", n, err)
	}
	_ = near.SetWriteDeadline(time.Time{})
	_ = far.SetLinger(0)
	_ = far.Close()
	var err error
	await(t, func() bool { _, err = g.Write([]byte("lost")); return err != nil })
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("to one that has gone: %v", err)
	}
	_ = near.Close()
	if _, err := g.Write([]byte("closed")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestAGateOverAConnectionWithoutADescriptorWritesByIt(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	go func() { _, _ = NewGate(a).Write([]byte("hello")) }() // ends with the read
	room := make([]byte, 8)
	if n, err := b.Read(room); string(room[:n]) != "hello" || err != nil {
		t.Errorf("%q, %v", room[:n], err)
	}
}

func BenchmarkLoopOverTLS(b *testing.B) {
	c, client, _ := tlsPair(b, tls.VersionTLS13)
	r := reader(c)
	done := make(chan error, 1)
	go func() { // answers each request; ends with the connection
		answer := make([]byte, 1200)
		done <- r.Loop(roomy, func() bool {
			r.Consume(r.Buffered())
			r.Release()
			_, err := c.Write(answer)
			return err == nil
		})
	}()
	request, room := make([]byte, 80), make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadAtLeast(client, room, 1200); err != nil {
			b.Fatal(err)
		}
	}
	_ = client.CloseWrite()
	<-done
}

// Half a record and the end of the connection came as one edge: who read the half waited for the rest for ever.
func TestAnEndThatCameWithHalfARecordIsSeen(t *testing.T) {
	t.Parallel()
	for name, half := range map[string]string{"part of its head": "\x17\x03\x03", "part of its text": "\x17\x03\x03\x00\x20half"} {
		c, _, wire := tlsPair(t, 0)
		write(t, wire, half)
		_ = wire.CloseWrite()
		waitFor(t, func() bool { return ended(t, c) })
		r := reader(c)
		if err := <-looping(c, r, "never", make(chan string, 1)); err != io.ErrUnexpectedEOF {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// ended reports whether the other end's last byte has come.
func ended(t *testing.T, c *Conn) (yes bool) {
	t.Helper()
	err := c.raw.Control(func(fd uintptr) {
		at, err := poll(fd, unix.POLLRDHUP)
		yes = err == nil && at&unix.POLLRDHUP != 0
	})
	if err != nil {
		t.Fatal(err)
	}
	return yes
}
