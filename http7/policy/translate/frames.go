package translate

// frames follows the frames of a body: a byte of flags, four of length, the message. It keeps none of them.
type frames struct {
	head [5]byte
	got  int    // of head; 0 between frames
	left uint32 // of the message
}

// compressed is the one flag of gRPC's own frames.
const compressed = 1

// trailers is the flag of gRPC-Web's last frame.
const trailers = 1 << 7

// follow takes the next bytes of the body. It reports false for a flag that no frame of gRPC has: such a body
// would be taken for another on the other side.
func (f *frames) follow(b []byte) bool {
	for len(b) > 0 {
		if f.left > 0 {
			n := min(uint32(min(len(b), 1<<31-1)), f.left)
			b, f.left = b[n:], f.left-n
			continue
		}
		n := copy(f.head[f.got:], b)
		b = b[n:]
		if f.got += n; f.head[0]&^compressed != 0 {
			return false
		}
		if f.got == len(f.head) {
			f.left, f.got = uint32(f.head[1])<<24|uint32(f.head[2])<<16|uint32(f.head[3])<<8|uint32(f.head[4]), 0
		}
	}
	return true
}

// whole reports whether the body may end here.
func (f *frames) whole() bool { return f.got == 0 && f.left == 0 }
