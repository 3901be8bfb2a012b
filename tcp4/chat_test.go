//go:build linux && (amd64 || arm64)

package tcp4

import (
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A chat must be like any other session from outside, whatever happens in it.
func TestAChatIsLikeAnyOtherSession(t *testing.T) {
	chatting = true
	defer func() { chatting = false }()
	for name, test := range map[string]func(*testing.T){
		"both ways":               TestRelayPassesBytesBothWays,
		"client half-closes":      TestClientMayHalfCloseAndStillReadsTheAnswer,
		"endpoint half-closes":    TestEndpointMayHalfCloseAndStillReads,
		"client resets":           TestResetOfTheClientResetsTheEndpoint,
		"endpoint resets":         TestResetOfTheEndpointResetsTheClientAfterItsLastBytes,
		"reset after half-close":  TestResetAfterAHalfCloseReachesASilentEndpoint,
		"endpoint dies in bulk":   TestAnEndpointThatDiesInBulkIsNeverACleanEnd,
		"a refusal is heard":      TestWhatARefusingEndpointSaidReachesTheClient,
		"idle":                    TestIdleSessionsAreCut,
		"one-sided activity":      TestActivityInOneDirectionKeepsASession,
		"unix sockets":            TestRelayBetweenUnixSockets,
		"TLS":                     TestRelayOfATLSClient,
		"grace":                   TestSessionsLiveUntilTheGraceIsOverAndAreCut,
		"every end":               TestManySessionsWithEveryEndLeaveNothing,
		"shutdown under load":     TestShutdownUnderLoadEndsEverySession,
		"small after bulk":        TestSmallMessagesAfterBulkStillPass,
		"bulk and back":           TestADirectionGoesToBulkAndBack,
		"a receiver that rests":   TestASenderIsHeldBackByAReceiverThatDoesNotRead,
		"no buffer while waiting": TestAnIdleSessionHoldsNoBuffer,
	} {
		t.Run(name, test)
	}
}

// chatBetween is between as a chat that is running, and how it ends.
func chatBetween(t *testing.T) (d *direction, sender, receiver *net.TCPConn, ended <-chan verdict) {
	t.Helper()
	d, sender, receiver = between(t)
	d.small = 0
	end := make(chan verdict, 1)
	go func() { end <- d.pass() }() // ends with the connections of the test
	for range 3 {
		send(t, sender, "hello")
		expect(t, receiver, "hello")
	}
	return d, sender, receiver, end
}

func TestADirectionBecomesAChatAfterSomeMessages(t *testing.T) {
	d, sender, receiver := between(t)
	end := make(chan verdict, 1)
	go func() { end <- d.pass() }() // ends with the connections of the test
	for range 2 * chatAfter {
		send(t, sender, "hello")
		expect(t, receiver, "hello")
	}
	_ = sender.CloseWrite()
	if v := await(t, end); v != sourceEnded || d.chat.fn == nil || d.bytes.Load() != 10*chatAfter {
		t.Errorf("verdict %d, chat %v, %d bytes", v, d.chat.fn != nil, d.bytes.Load())
	}
}

// The end that comes together with a message has no edge of its own: the word must tell.
func TestAChatSeesTheEndThatComesWithAMessage(t *testing.T) {
	for range 200 {
		d, sender, receiver, ended := chatBetween(t)
		send(t, sender, "bye")
		_ = sender.CloseWrite()
		expect(t, receiver, "bye")
		if v := await(t, ended); v != sourceEnded {
			t.Fatalf("verdict %d", v)
		}
		_, _, _ = d.from.conn.Close(), d.to.conn.Close(), receiver.Close()
		_ = sender.Close()
	}
}

func TestTheWordSaysWhatLiesBehind(t *testing.T) {
	near, far := tcpPair(t)
	side := newSide(far, ClientReset)
	var h hint
	if !h.ask(side.raw) {
		t.Fatal("the kernel gives no word")
	}
	receive := func(room int) (text string, more bool, errno syscall.Errno) {
		b := make([]byte, room)
		var n int
		if err := side.raw.Read(func(fd uintptr) bool {
			n, more, errno = h.receive(fd, b)
			return errno != syscall.EAGAIN
		}); err != nil {
			t.Fatal(err)
		}
		return string(b[:n]), more, errno
	}
	for _, c := range []struct {
		send string
		end  bool
		room int
		want string
		more bool
	}{
		{"hello", false, 16, "hello", false},
		{"hello", false, 2, "he", true},
		{"", false, 16, "llo", false},
		{"x", true, 16, "x", true}, // the end
		{"", false, 16, "", true},
	} {
		if c.send != "" {
			send(t, near, c.send)
		}
		if c.end {
			_ = near.CloseWrite()
			eventually(t, "the end has arrived", func() bool { return tcpState(t, side.raw) == unix.BPF_TCP_CLOSE_WAIT })
		}
		if got, more, errno := receive(c.room); got != c.want || more != c.more || errno != 0 {
			t.Errorf("got %q, more %v, %v, want %q, %v", got, more, errno, c.want, c.more)
		}
	}
}

// tcpState returns the state of a connection, as the kernel numbers them.
func tcpState(t *testing.T, raw syscall.RawConn) uint8 {
	t.Helper()
	var info *unix.TCPInfo
	if err := onFile(raw, func(fd int) (err error) {
		info, err = unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return info.State
}

func TestAChatPassesWhatLiesBehindAnUrgentByte(t *testing.T) {
	_, sender, receiver, _ := chatBetween(t)
	raw, err := sender.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := onFile(raw, func(fd int) error { return syscall.Sendto(fd, []byte("ab!"), syscall.MSG_OOB, nil) }); err != nil {
			t.Fatal(err)
		}
		send(t, sender, "cd")
		expect(t, receiver, "ab!cd")
	}
}

func TestLongMessagesInAChatArriveWhole(t *testing.T) {
	_, sender, receiver, ended := chatBetween(t)
	for _, n := range []int{1, quickSend - 1, quickSend, quickSend + 1, bufferSize - 1, bufferSize, bufferSize + 1, 1 << 20} {
		text := strings.Repeat("x", n)
		go func() { _, _ = sender.Write([]byte(text)) }() // ends when it is read
		expect(t, receiver, text)
	}
	_ = sender.CloseWrite()
	if v := await(t, ended); v != sourceEnded {
		t.Errorf("verdict %d", v)
	}
}

func TestAChatWithAReceiverThatDoesNotReadWaitsAndLosesNothing(t *testing.T) {
	_, sender, receiver, ended := chatBetween(t)
	const messages = 40_000
	go func() { // ends when all is sent
		for range messages {
			if _, err := sender.Write([]byte(strings.Repeat("m", 1000))); err != nil {
				return
			}
		}
		_ = sender.CloseWrite()
	}()
	pause(50 * time.Millisecond) // the buffers fill
	n, err := io.CopyN(io.Discard, receiver, 1000*messages)
	if v := await(t, ended); err != nil || v != sourceEnded {
		t.Errorf("%d bytes arrived, %v, verdict %d", n, err, v)
	}
}

// A reset that comes together with a message has no edge of its own, and no word tells.
func TestAWokenChatTriesBehindEachMessage(t *testing.T) {
	d, sender, receiver, ended := chatBetween(t)
	for range 3 {
		d.wake()
		send(t, sender, "still here")
		expect(t, receiver, "still here")
	}
	if d.chats() {
		t.Error("it is a chat still")
	}
	reset(sender)
	if v := await(t, ended); v != sourceFailed {
		t.Errorf("verdict %d", v)
	}
	d.wake() // nobody waits
}

// A direction that was between two waits when its source was reset, with messages still to be read,
// passed them on and then waited for what had come already.
func TestAChatThatIsWokenBetweenItsWaitsFindsTheReset(t *testing.T) {
	for range 20 {
		d, sender, receiver := between(t)
		d.small = 0
		if !d.chats() {
			t.Fatal("it is no chat")
		}
		send(t, sender, "the last")
		reset(sender)
		eventually(t, "the reset has arrived", func() bool { return tcpState(t, d.from.raw) == unix.BPF_TCP_CLOSE })
		if errno := taken(t, d); errno != syscall.ECONNRESET { // by a write of the other direction
			t.Fatalf("the error was %v", errno)
		}
		d.wake()
		if v := d.passChat(); v != sourceEnded && v != sourceFailed {
			t.Fatalf("verdict %d", v)
		}
		expect(t, receiver, "the last")
	}
}

// taken takes the pending error of d's source.
func taken(t *testing.T, d *direction) (errno syscall.Errno) {
	t.Helper()
	if err := onFile(d.from.raw, func(fd int) error { errno = socketError(fd); return nil }); err != nil {
		t.Fatal(err)
	}
	return errno
}

// The idle timer finds a side that was reset unnoticed.
func TestTheIdleTimerLooksForResets(t *testing.T) {
	near, far := tcpPair(t)
	s := newSide(far, ClientReset)
	if s.gone() {
		t.Error("it is gone while it is there")
	}
	reset(near)
	eventually(t, "it is gone", s.gone)
	_ = far.Close()
	if s.gone() || (&side{}).gone() {
		t.Error("a closed or unknown side is gone")
	}
}

func TestSessionsAreLookedAtOftenEnough(t *testing.T) {
	for _, c := range []struct {
		idle, every time.Duration
		quiet       int
	}{
		{Off, 15 * time.Second, 0},
		{time.Hour, 15 * time.Second, 240},
		{2 * time.Minute, 15 * time.Second, 8},
		{time.Minute, 7500 * time.Millisecond, 8},
		{121 * time.Second, 15 * time.Second, 9},
		{80 * time.Millisecond, 10 * time.Millisecond, 8},
		{3, 1, 3},
	} {
		if every, quiet := ticks(c.idle); every != c.every || quiet != c.quiet {
			t.Errorf("with an idle timeout of %s: every %s and %d of them, want %s and %d", c.idle, every, quiet, c.every, c.quiet)
		}
	}
}
