package compress

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/molecule-man/go-brrr"
)

// level is the trade of size for CPU and memory.
type level uint8

const (
	fast level = iota
	balanced
	small
	levelCount
)

var levelNames = [levelCount]string{"fast", "balanced", "small"}

func levelOf(name string) (level, bool) {
	for l, n := range levelNames {
		if n == name {
			return level(l), true
		}
	}
	return 0, false
}

// settings are the libraries' own figures of a level, chosen by measuring: README.md has the table.
// Windows are small, because an encoder lives as long as its answer.
var settings = [levelCount]struct {
	zstd       zstd.EncoderLevel
	zstdWindow int
	br         int
	brWindow   int // as a power of two
	gzip       int
}{
	fast:     {zstd.SpeedFastest, 64 << 10, 2, 16, 1},
	balanced: {zstd.SpeedFastest, 64 << 10, 4, 16, 5},
	small:    {zstd.SpeedBetterCompression, 128 << 10, 6, 17, 7},
}

// stream is an encoder and what it gave that no driver's room had place for. It is pooled, because
// its tables take a millisecond to make.
type stream struct {
	enc   encoder
	room  []byte // the driver's, during a call
	spill []byte
	sent  int // of spill
	home  *sync.Pool
}

var streams = newPools()

func newPools() *[codingCount][levelCount]sync.Pool {
	pools := new([codingCount][levelCount]sync.Pool)
	for c := range codingCount {
		for l := range levelCount {
			home := &pools[c][l]
			home.New = func() any { return newStream(c, l, home) }
		}
	}
	return pools
}

func newStream(c coding, l level, home *sync.Pool) *stream {
	enc, err := newEncoder(c, l)
	if err != nil { // the settings are constants, which a test tries
		panic("compress: " + err.Error())
	}
	return &stream{enc: enc, home: home}
}

func newEncoder(c coding, l level) (encoder, error) {
	s := &settings[l]
	switch c {
	case zstdCoding:
		// One encoder and no goroutine; the transport has checksums of its own.
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(s.zstd),
			zstd.WithWindowSize(s.zstdWindow), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	case brCoding:
		// The small hint begins with small tables, which grow with the body.
		return brrr.NewWriterOptions(io.Discard, s.br, brrr.WriterOptions{LGWin: s.brWindow, SizeHint: brHint})
	}
	return gzip.NewWriterLevel(io.Discard, s.gzip)
}

const brHint = 32 << 10

func takeStream(c coding, l level) *stream {
	s := streams[c][l].Get().(*stream)
	s.enc.Reset(s)
	return s
}

// mostSpill is the largest spill that a pooled stream keeps.
const mostSpill = 256 << 10

func (s *stream) free() {
	if cap(s.spill) > mostSpill {
		s.spill = nil
	}
	s.room, s.spill, s.sent = nil, s.spill[:0], 0
	s.home.Put(s)
}

// Write takes what the encoder gives.
func (s *stream) Write(p []byte) (int, error) {
	n := 0
	if s.sent == len(s.spill) {
		n = min(len(p), cap(s.room)-len(s.room))
		s.room = append(s.room, p[:n]...)
	}
	s.spill = append(s.spill, p[n:]...)
	return len(p), nil
}

// drain moves what was spilt to the room and reports whether all of it had place.
func (s *stream) drain() bool {
	n := min(len(s.spill)-s.sent, cap(s.room)-len(s.room))
	s.room = append(s.room, s.spill[s.sent:s.sent+n]...)
	if s.sent += n; s.sent < len(s.spill) {
		return false
	}
	s.spill, s.sent = s.spill[:0], 0
	return true
}
