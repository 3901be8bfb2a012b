//go:build linux && soak

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// quicTo opens a connection that may carry HTTP/3.
func (s *siege) quicTo(ctx context.Context, cfg *quic.Config) (*quic.Conn, error) {
	shake, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := s.tls.Clone()
	c.NextProtos = []string{"h3"}
	qc, err := quic.DialAddr(shake, s.c.at(8443), c, cfg)
	if err != nil {
		return nil, err
	}
	control, err := qc.OpenUniStream()
	if err == nil {
		_, err = control.Write([]byte{0x00, 0x04, 0x00}) // its type, and SETTINGS that set nothing
	}
	if err != nil {
		_ = qc.CloseWithError(0, "")
		return nil, err
	}
	return qc, nil
}

// section is a HEADERS frame that begins a request of method for path; extra stands behind its fields.
func section(method, path string, extra []byte) []byte {
	var b bytes.Buffer
	enc := qpack.NewEncoder(&b)
	for _, f := range []qpack.HeaderField{{Name: ":method", Value: method}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "weir.test"}, {Name: ":path", Value: path}} {
		_ = enc.WriteField(f) // into memory
	}
	b.Write(extra)
	return append(quicvarint.Append([]byte{0x01}, uint64(b.Len())), b.Bytes()...)
}

// h3 is a salvo of streams on a connection.
func h3(rate int, blow func(str *quic.Stream)) func(context.Context, *siege) {
	return salvo(rate, func(ctx context.Context, s *siege) (func() error, func(), error) {
		qc, err := s.quicTo(ctx, nil)
		if err != nil {
			return nil, nil, err
		}
		return func() error {
			str, err := qc.OpenStream()
			if err != nil && qc.Context().Err() == nil { // as many as there may be
				return nil
			}
			if err == nil {
				blow(str)
			}
			return err
		}, func() { _ = qc.CloseWithError(0, "") }, nil
	})
}

func takeBack(str *quic.Stream) {
	str.CancelWrite(0x10c) // H3_REQUEST_CANCELLED
	str.CancelRead(0x10c)
}

// creep keeps a connection with so many streams on which begin is sent, and then more every second. Nothing is read.
func creep(streams int, cfg *quic.Config, begin, more []byte, end bool) func(context.Context, *siege) {
	return crowd(func(ctx context.Context, s *siege) error {
		qc, err := s.quicTo(ctx, cfg)
		if err != nil {
			return err
		}
		defer func() { _ = qc.CloseWithError(0, "") }()
		var last *quic.Stream
		for range streams {
			if last, err = qc.OpenStream(); err != nil {
				return err
			}
			if _, err := last.Write(begin); err != nil {
				return err
			}
			if end {
				_ = last.Close()
			}
		}
		return repeat(ctx, time.Second, func() error {
			if err := qc.Context().Err(); err != nil {
				return err
			}
			if end {
				_, err := last.Peek(make([]byte, 1))
				return err
			}
			_, err := last.Write(more)
			return err
		})
	})
}

// one byte of a body, as a DATA frame; and a field of QPACK's static table, of 49 bytes with what RFC 9114 §4.2.2 adds.
var (
	aByte   = []byte{0x00, 0x01, 'a'}
	indexed = []byte{0xc0 | 31}
)

var quicAttacks = []attack{
	{name: "rapid reset over h3", kinds: "rapid_reset", run: h3(2000, func(str *quic.Stream) {
		_, _ = str.Write(section("GET", "/", nil))
		takeBack(str)
	})},
	{name: "QPACK bombs", kinds: "header_bomb", run: h3(500, func(str *quic.Stream) {
		_, _ = str.Write(section("GET", "/", bytes.Repeat(indexed, 8000)))
		_ = str.Close()
		str.CancelRead(0x10c)
	})},
	{name: "slow heads over h3", kinds: "slow_header", run: creep(1, nil, section("GET", "/", bytes.Repeat(indexed, 50))[:20], []byte{indexed[0]}, false)},
	{name: "slow bodies over h3", kinds: "slow_body", run: creep(1, nil, section("POST", "/sink", nil), aByte, false)},
	{name: "windows that stay shut over h3", kinds: "window_stall", limits: soonStalls, run: creep(4, &quic.Config{InitialStreamReceiveWindow: 4096, MaxStreamReceiveWindow: 4096}, section("GET", beyondWindow, nil), nil, true)},
	{name: "Initials of handshakes that go no further", kinds: "slow_handshake|handshake_flood", run: func(ctx context.Context, s *siege) { s.flood(ctx, 2000) }},
}

// tap keeps what a client sends, and gives it nothing.
type tap struct {
	net.PacketConn
	mu   sync.Mutex
	sent [][]byte // guarded by mu
	two  chan struct{}
}

// WriteTo implements net.PacketConn.
func (p *tap) WriteTo(b []byte, _ net.Addr) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, bytes.Clone(b))
	if len(p.sent) == 2 { // a hello with a post-quantum key
		close(p.two)
	}
	return len(b), nil
}

// initials prepares the first flights of many clients.
func initials(t *testing.T, s *siege) (all [][][]byte) {
	t.Helper()
	cfg := s.tls.Clone()
	cfg.NextProtos = []string{"h3"}
	to, err := net.ResolveUDPAddr("udp4", s.c.at(8443))
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.Close() }()
	for range 1000 {
		p := &tap{PacketConn: pc, two: make(chan struct{})}
		tr := &quic.Transport{Conn: p}
		ctx, cancel := context.WithCancel(t.Context())
		var dial sync.WaitGroup
		dial.Go(func() { _, _ = tr.Dial(ctx, to, cfg, nil) }) // ends with ctx
		<-p.two
		p.mu.Lock()
		all = append(all, p.sent[:2])
		p.mu.Unlock()
		cancel()
		dial.Wait()
		_ = tr.Close()
		_ = pc.SetReadDeadline(time.Time{}) // which the transport has set, to end
	}
	return all
}

// flood sends so many first flights a second, from many addresses, and hears nothing.
func (s *siege) flood(ctx context.Context, rate int) {
	var from []net.PacketConn
	for i := range 50 {
		pc, err := net.ListenPacket("udp4", fmt.Sprintf("%s.%d:0", s.c.ip[:strings.LastIndexByte(s.c.ip, '.')], 200+i))
		if err != nil {
			continue
		}
		defer func() { _ = pc.Close() }()
		from = append(from, pc)
	}
	to, err := net.ResolveUDPAddr("udp4", s.c.at(8443))
	if err != nil || from == nil {
		return
	}
	const batch = 4 * time.Millisecond
	n := 0
	_ = repeat(ctx, batch, func() error {
		for range rate * int(batch) / int(time.Second) {
			for _, b := range s.hellos[n%len(s.hellos)] {
				_, _ = from[n%len(from)].WriteTo(b, to) // what is lost is lost
			}
			n++
			s.blows.Add(1)
		}
		return nil
	})
}
