package sock

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"weir/internal/deadline"
)

// pair returns a Conn with a timer and the other end of its TCP connection.
func pair(t testing.TB) (*Conn, *net.TCPConn) {
	t.Helper()
	near, far := tcp(t)
	c := &Conn{}
	if err := c.Init(near); err != nil {
		t.Fatal(err)
	}
	deadline.New().Bind(&c.Timer, func() {})
	t.Cleanup(c.Close)
	return c, far
}

func tcp(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() { // accepts one; ends with it
		c, _ := l.Accept()
		accepted <- c
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, near = c.(*net.TCPConn), (<-accepted).(*net.TCPConn)
	_ = far.SetDeadline(time.Now().Add(time.Minute))
	t.Cleanup(func() { _ = far.Close(); _ = near.Close() })
	return near, far
}

func write(t testing.TB, w io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
}

func reader(c *Conn) *Reader {
	r := &Reader{}
	r.Init(c)
	return r
}

func TestAReaderHoldsNoBlockWhileItWaits(t *testing.T) {
	t.Parallel()
	for name, fill := range map[string]func(*Reader) error{
		"head": func(r *Reader) error { return r.FillHead(8 << 10) },
		"body": func(r *Reader) error { return r.FillBody() },
	} {
		c, far := pair(t)
		r := reader(c)
		c.Interrupt(DeadlinePassed) // which ends a wait before anything has come
		if err := fill(r); err == nil || r.head != nil || r.body != nil {
			t.Errorf("%s: %v, and a block without a byte: %v, %v", name, err, r.head != nil, r.body != nil)
		}
		c.Resume()
		waits := make(chan struct{}, 1)
		asked := r.into
		r.into = func() []byte {
			if r.head != nil || r.body != nil {
				t.Errorf("%s: a block was held while waiting", name)
			}
			select {
			case waits <- struct{}{}:
			default:
			}
			return asked()
		}
		read := make(chan error)
		go func() { read <- fill(r) }() // ends with the bytes below
		<-waits
		<-time.After(20 * time.Millisecond)
		write(t, far, "hello")
		if err := <-read; err != nil || string(r.Window()) != "hello" || r.Buffered() != 5 {
			t.Fatalf("%s: %q, %v", name, r.Window(), err)
		}
		r.Consume(5)
		r.Release()
		if r.head != nil || r.body != nil || r.Window() != nil {
			t.Errorf("%s: a block behind the last byte", name)
		}
	}
}

func TestAHeadStaysWhileWhatFollowsIsRead(t *testing.T) {
	t.Parallel()
	c, far := pair(t)
	r := reader(c)
	write(t, far, "HEADbody")
	for r.Buffered() < 8 {
		if err := r.FillHead(8 << 10); err != nil {
			t.Fatal(err)
		}
	}
	head := r.Head()[:4]
	r.Consume(4)
	if string(r.Window()) != "body" {
		t.Fatalf("window %q", r.Window())
	}
	write(t, far, "more")
	if err := r.FillBody(); err != nil || string(r.Window()) != "bodymore" {
		t.Fatalf("window %q, %v", r.Window(), err)
	}
	r.Consume(6)
	write(t, far, "+")
	if err := r.FillBody(); err != nil || string(r.Window()) != "re+" {
		t.Fatalf("window %q, %v", r.Window(), err)
	}
	if string(head) != "HEAD" {
		t.Fatalf("the head became %q", head)
	}
	r.Release()
	if string(r.Head()) != "re+" || r.Buffered() != 3 {
		t.Fatalf("the next head begins with %q", r.Head())
	}
}

func TestAHeadGrowsToItsLimitAndNoFurther(t *testing.T) {
	t.Parallel()
	const limit = 10_000
	c, far := pair(t)
	r := reader(c)
	go func() { _, _ = io.WriteString(far, strings.Repeat("h", 2*limit)) }() // ends with the bytes
	for r.Buffered() < limit {
		if err := r.FillHead(limit); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.FillHead(limit); err != ErrHeadFull || r.Buffered() != limit {
		t.Fatalf("%d bytes, %v", r.Buffered(), err)
	}
	if string(r.Head()) != strings.Repeat("h", limit) {
		t.Error("bytes changed on the way to a larger block")
	}
}

func TestAFullBodyBlockIsSaidToBeFull(t *testing.T) {
	t.Parallel()
	c, far := pair(t)
	r := reader(c)
	go func() { _, _ = io.WriteString(far, strings.Repeat("b", 2*LargeBlock)) }() // ends with the bytes
	for range 1000 {
		if err := r.FillBody(); err != nil {
			if !errors.Is(err, io.ErrShortBuffer) || r.Buffered() != LargeBlock {
				t.Fatalf("%d bytes, %v", r.Buffered(), err)
			}
			return
		}
	}
	t.Fatal("the block never fills")
}

func TestTheEndAndAResetAreErrors(t *testing.T) {
	t.Parallel()
	c, far := pair(t)
	_ = far.CloseWrite()
	if err := reader(c).FillHead(100); err != io.EOF {
		t.Errorf("half-closed: %v", err)
	}
	c, far = pair(t)
	_ = far.SetLinger(0)
	_ = far.Close()
	if err := reader(c).FillHead(100); err == nil || err == io.EOF {
		t.Errorf("reset: %v", err)
	}
}

func TestAnInterruptWakesAReaderAndStaysUntilResume(t *testing.T) {
	t.Parallel()
	c, far := pair(t)
	r := reader(c)
	read := make(chan error)
	go func() { read <- r.FillHead(100) }()
	c.Interrupt(Custom + 1)
	c.Interrupt(DeadlinePassed) // the first reason stays
	if err := <-read; err == nil {
		t.Fatal("not interrupted")
	}
	if err := r.FillHead(100); err == nil {
		t.Fatal("an interrupt does not stay")
	}
	if _, err := c.Write([]byte("x")); err == nil {
		t.Fatal("a write is not interrupted")
	}
	if why := c.Interrupted(); why != Custom+1 {
		t.Fatalf("interrupted by %d", why)
	}
	if why := c.Resume(); why != Custom+1 || c.Interrupted() != NotInterrupted || c.Resume() != NotInterrupted {
		t.Fatalf("resumed from %d", why)
	}
	write(t, far, "on")
	if err := r.FillHead(100); err != nil || string(r.Window()) != "on" {
		t.Fatalf("%q, %v", r.Window(), err)
	}
}

func TestAnInterruptWakesAWriter(t *testing.T) {
	t.Parallel()
	c, _ := pair(t)
	wrote := make(chan error)
	go func() {
		_, err := c.Write(make([]byte, 64<<20))
		wrote <- err
	}()
	c.Interrupt(DeadlinePassed)
	if err := <-wrote; err == nil {
		t.Fatal("64 MiB went to somebody who does not read")
	}
}

func TestReadableTellsBytesAndEndsFromSilence(t *testing.T) {
	t.Parallel()
	c, far := pair(t)
	if c.Readable() {
		t.Error("silence is readable")
	}
	write(t, far, "x")
	waitFor(t, c.Readable)
	if err := reader(c).FillHead(10); err != nil || c.Readable() {
		t.Errorf("still readable: %v", err)
	}
	_ = far.CloseWrite()
	waitFor(t, c.Readable)
	c.Close()
	if !c.Readable() {
		t.Error("a closed connection must not look idle")
	}
}

func waitFor(t testing.TB, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

// renamed is a TCP connection with another client's address, as one behind a PROXY header is.
type renamed struct{ *net.TCPConn }

func TestAbortResetsAConnectionThatHasAnotherName(t *testing.T) {
	near, far := tcp(t)
	var c Conn
	deadline.New().Bind(&c.Timer, func() {})
	if err := c.Init(renamed{near}); err != nil {
		t.Fatal(err)
	}
	c.Abort()
	if _, err := far.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("%v, want a reset", err)
	}
}

func TestAbortIsAResetAndCloseWriteAHalfClose(t *testing.T) {
	t.Parallel()
	c, far := pair(t)
	c.Abort()
	if _, err := far.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("abort: %v", err)
	}
	c, far = pair(t)
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("half-close: %v", err)
	}
	write(t, far, "still")
	if err := reader(c).FillHead(10); err != nil {
		t.Error(err)
	}
}

func TestUnsentCountsWhatIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	c, _ := pair(t)
	if n := c.Unsent(); n != 0 {
		t.Errorf("%d unsent at first", n)
	}
	go func() { _, _ = c.Write(make([]byte, 64<<20)) }() // ends when the test closes c
	waitFor(t, func() bool { return c.Unsent() > 0 })
	c.Close()
	if n := c.Unsent(); n != -1 {
		t.Errorf("%d unsent on a closed connection", n)
	}
}

func watch(t *testing.T) *Watcher {
	w, err := NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }() // the watcher's; ends with ctx
	t.Cleanup(func() { stop(); <-done; w.Close() })
	return w
}

func TestTheWatcherTellsLeavingFromHalfClosing(t *testing.T) {
	t.Parallel()
	w := watch(t)
	end := func(c *net.TCPConn) { _ = c.CloseWrite() }
	reset := func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() }
	none := func(*net.TCPConn) {}
	for _, c := range []struct {
		name          string
		before, later func(*net.TCPConn)
		ended, leaves bool
	}{
		{"closes later", none, func(c *net.TCPConn) { _ = c.Close() }, false, true},
		{"half-closes later", none, end, false, true},
		{"resets later", none, reset, false, true},
		{"half-closed before", end, none, true, false},
		{"half-closed before, resets later", end, reset, true, true},
		{"reset before", reset, none, true, true},
		{"sends later", none, func(c *net.TCPConn) { _, _ = c.Write([]byte("x")) }, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, far := pair(t)
			c.before(far)
			if c.ended {
				waitFor(t, conn.Readable)
			}
			gone := make(chan struct{}, 2)
			id := w.Arm(conn, func() { gone <- struct{}{} })
			c.later(far)
			select {
			case <-gone:
				if !c.leaves {
					t.Error("said to leave")
				}
			case <-time.After(100 * time.Millisecond):
				if c.leaves {
					select {
					case <-gone:
					case <-time.After(time.Minute):
						t.Error("not noticed")
					}
				}
			}
			w.Disarm(conn, id)
			if len(gone) > 0 {
				t.Error("told twice")
			}
		})
	}
}

func TestADisarmedWatchIsSilentAndCanBeArmedAgain(t *testing.T) {
	t.Parallel()
	w := watch(t)
	c, far := pair(t)
	id := w.Arm(c, func() { t.Error("disarmed, and yet told") })
	w.Disarm(c, id)
	w.Disarm(c, id)
	w.Disarm(c, 0)
	gone := make(chan struct{})
	if id = w.Arm(c, func() { close(gone) }); id == 0 {
		t.Fatal("not armed")
	}
	_ = far.Close()
	<-gone
	c.Close()
	if id := w.Arm(c, func() {}); id != 0 {
		t.Error("a closed connection was armed")
	}
}

func TestATLSReaderTakesWhatIsDecryptedAndWaitsWithoutABlock(t *testing.T) {
	t.Parallel()
	near, far := tcp(t)
	server := tls.Server(NewGate(near), &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}})
	client := tls.Client(far, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test's own certificate
	hand := make(chan error)
	go func() { hand <- client.Handshake() }()
	if err := errors.Join(server.Handshake(), <-hand); err != nil {
		t.Fatal(err)
	}
	c := &Conn{}
	if err := c.Init(server); err != nil || c.TLS() != server {
		t.Fatal(err)
	}
	deadline.New().Bind(&c.Timer, func() {})
	t.Cleanup(c.Close)
	r := reader(c)
	for _, s := range []string{"h", "hello", strings.Repeat("x", 3000)} {
		write(t, client, s)
		for r.Buffered() < len(s) {
			if err := r.FillHead(8 << 10); err != nil {
				t.Fatal(err)
			}
		}
		if string(r.Window()) != s {
			t.Fatalf("%q, want %q", r.Window(), s)
		}
		r.Consume(len(s))
		r.Release()
	}
	_ = client.CloseWrite()
	if err := r.FillHead(100); err != io.EOF {
		t.Fatalf("close_notify: %v", err)
	}
	c.Abort()
	if _, err := far.Read(make([]byte, 100)); err == nil || err == io.EOF {
		t.Fatalf("abort: %v", err)
	}
}

func selfSigned(t testing.TB) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestAConnectionWithoutADescriptorIsRefused(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if err := new(Conn).Init(a); err != errNoRaw {
		t.Fatal(err)
	}
}

func TestBlocksComeInTheirSizes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{0: SmallBlock, 1: SmallBlock, SmallBlock: SmallBlock, SmallBlock + 1: LargeBlock, LargeBlock: LargeBlock, LargeBlock + 1: LargeBlock + 1} {
		b := NewBlock(n)
		if len(b.B) != want {
			t.Errorf("a block of %d for %d", len(b.B), n)
		}
		b.Free()
	}
	(*Block)(nil).Free()
}
