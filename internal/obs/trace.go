package obs

import "encoding/hex"

// Trace is the trace context of one exchange (W3C Trace Context, Level 1). The zero Trace is none.
type Trace struct {
	ID     [16]byte
	Parent [8]byte
	Flags  byte // bit 0: sampled
}

// traceparentLen is the length of a traceparent of version 00:
// 00-<32 digits>-<16 digits>-<2 digits>.
const traceparentLen = 55

// IsZero reports whether there is no trace.
func (t *Trace) IsZero() bool { return t.ID == [16]byte{} }

// Sampled reports whether the caller may have recorded the trace.
func (t *Trace) Sampled() bool { return t.Flags&1 != 0 }

// ParseTraceparent reads the value of a traceparent field. ok is false for anything that the
// standard refuses (§3.2.2): then a new trace begins. Of a later version it reads what version 00
// has, if the rest is set off by a hyphen. It does not allocate and keeps no view.
func ParseTraceparent(v []byte) (t Trace, ok bool) {
	if len(v) < traceparentLen || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return Trace{}, false
	}
	var version, flags [1]byte
	if !unhex(version[:], v[:2]) || !unhex(t.ID[:], v[3:35]) || !unhex(t.Parent[:], v[36:52]) || !unhex(flags[:], v[53:55]) {
		return Trace{}, false
	}
	switch {
	case version[0] == 0xFF, version[0] == 0 && len(v) > traceparentLen:
		return Trace{}, false
	case len(v) > traceparentLen && v[traceparentLen] != '-':
		return Trace{}, false
	case t.IsZero() || t.Parent == [8]byte{}:
		return Trace{}, false
	}
	t.Flags = flags[0]
	return t, true
}

// unhex decodes lower-case digits, the only ones that the standard takes.
func unhex(dst, src []byte) bool {
	for i := range dst {
		hi, lo := digit(src[2*i]), digit(src[2*i+1])
		if hi > 15 || lo > 15 {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

// digit returns the value of a hexadecimal digit, 255 if c is none.
func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// AppendID appends the 32 digits of the trace's ID, or nothing if there is no trace: what a
// record's TraceID wants.
func (t *Trace) AppendID(dst []byte) []byte {
	if t.IsZero() {
		return dst
	}
	return hex.AppendEncode(dst, t.ID[:])
}

// AppendTraceparent appends a traceparent of version 00 with the flags of that version.
func (t *Trace) AppendTraceparent(dst []byte) []byte {
	dst = hex.AppendEncode(append(dst, "00-"...), t.ID[:])
	dst = hex.AppendEncode(append(dst, '-'), t.Parent[:])
	return hex.AppendEncode(append(dst, '-'), []byte{t.Flags & 1})
}
