package framewatch

import "encoding/binary"

// The frame types that are told apart (RFC 9113 §6, RFC 9218 §7.1).
const (
	frameData           = 0x0
	frameHeaders        = 0x1
	framePriority       = 0x2
	frameReset          = 0x3
	frameSettings       = 0x4
	framePing           = 0x6
	frameGoAway         = 0x7
	frameWindowUpdate   = 0x8
	frameContinuation   = 0x9
	framePriorityUpdate = 0x10
)

// The flags that matter.
const (
	flagAck        = 0x1
	flagEndStream  = 0x1
	flagEndHeaders = 0x4
)

const (
	headBytes = 9 // RFC 9113 §4.1
	// Preface is what a client's side of a connection begins with (RFC 9113 §3.4).
	Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// frame is the head of one frame, with the four bytes of its payload that mean something.
type frame struct {
	length int
	kind   byte
	flags  byte
	stream uint32
	word   uint32 // the increment of a WINDOW_UPDATE, the code of a RST_STREAM or a GOAWAY
}

// scanner finds the frames in a stream of bytes, in whatever pieces they come. It looks at their heads, and at
// the first bytes of the payloads of those that say something there; it checks nothing.
type scanner struct {
	skip int // bytes that are no head: the preface, or the rest of a payload
	got  int // of buf
	want int // head, or head and what is read of the payload
	buf  [headBytes + goAwayBytes]byte

	preface bool // what is skipped is that
}

// scan passes b on to saw, frame by frame, as soon as the head of each is whole (and its word, if it has one).
// saw returns false to stop.
func (s *scanner) scan(b []byte, saw func(frame) bool) {
	for len(b) > 0 {
		if s.skip > 0 {
			n := min(s.skip, len(b))
			s.skip -= n
			b = b[n:]
			continue
		}
		if s.got == 0 {
			s.want = headBytes
		}
		n := copy(s.buf[s.got:s.want], b)
		s.got += n
		b = b[n:]
		if s.got < s.want {
			return
		}
		if f, whole := s.head(); whole && !saw(f) {
			return
		}
	}
}

// head decodes what is in buf. It is not whole if the word is still to come.
func (s *scanner) head() (f frame, whole bool) {
	f.length = s.length()
	s.preface = false
	f.kind, f.flags = s.buf[3], s.buf[4]
	f.stream = binary.BigEndian.Uint32(s.buf[5:]) &^ (1 << 31)
	words := f.words()
	if words > 0 && s.want == headBytes {
		s.want = headBytes + words
		return f, false
	}
	if words > 0 {
		f.word = binary.BigEndian.Uint32(s.buf[headBytes+words-4:])
	}
	s.skip = f.length - words
	s.got = 0
	return f, true
}

// goAwayBytes are those of the last stream and of the code (RFC 9113 §6.8).
const goAwayBytes = 8

// words returns how many bytes of the payload are looked at; the last four are the word.
func (f *frame) words() int {
	switch {
	case f.length == 4 && (f.kind == frameReset || f.kind == frameWindowUpdate):
		return 4
	case f.length >= goAwayBytes && f.kind == frameGoAway:
		return goAwayBytes
	}
	return 0
}

// within reports whether a part of the payload of a frame of that kind is outstanding.
func (s *scanner) within(kind byte) bool { return s.skip > 0 && !s.preface && s.buf[3] == kind }

// part returns how much has come of the payload of a DATA frame that is not whole; 0 if none is under way.
func (s *scanner) part() int64 {
	if !s.within(frameData) {
		return 0
	}
	return int64(s.length() - s.skip)
}

func (s *scanner) length() int { return int(s.buf[0])<<16 | int(s.buf[1])<<8 | int(s.buf[2]) }
