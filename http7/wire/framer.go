package wire

import "weir/http7"

// Framer finds the bytes of a body, and its end, in the bytes of a connection. It belongs to one
// goroutine at a time.
type Framer struct {
	kind  FrameKind
	side  http7.Side
	left  int64 // bytes left of the body or of the chunk
	fault *http7.Fault
	chunk chunkLine

	trailer *http7.Header
	strip   *strip
	// section is the trailer section's line that isn't whole yet, bytes and fields what came.
	section       []byte
	bytes, fields int
}

// Reset makes fr ready for a body with frame f. Its trailer fields are copied into *trailer, which
// is emptied first; nil discards them. side says who sends the body, for the faults.
//
// Dropped from a trailer section are: names nominated by Connection; every name that Weir has a
// rule for but ETag, Content-Digest, Repr-Digest and Proxy-Status; Content-*, If-*, Proxy-*,
// X-Forwarded-*, Access-Control-*, Sec-*; WWW-Authenticate, Expires, Pragma, Retry-After, Warning,
// Allow, Last-Modified (RFC 9110 §6.5.1); and of a client's also names with "_". A section may have
// 16 KiB and 100 fields, dropped ones included; a malformed one is a fault.
func (fr *Framer) Reset(f Frame, trailer *http7.Header, side http7.Side) {
	*fr = Framer{kind: f.Kind, side: side, trailer: trailer, strip: f.strip, section: fr.section[:0]}
	if f.Kind == Length {
		fr.left = f.Length
	}
	if trailer != nil {
		trailer.Reset(nil)
	}
}

// Next takes bytes off the start of b. n is how many of them are done with, those of chunk, a view
// into b, included; the next call begins behind them. s is
//   - Chunk: chunk has bytes of the body;
//   - Parked: all of b is done with, more is needed;
//   - End: the body is complete, the trailer is in place, b[n:] belongs to what follows. Once
//     reached, it is returned again with n = 0;
//   - Failure: f says why; it stays so.
//
// It allocates only for trailers.
func (fr *Framer) Next(b []byte) (chunk []byte, n int, s http7.State, f *http7.Fault) {
	switch {
	case fr.fault != nil:
		return nil, 0, http7.Failure, fr.fault
	case fr.kind == None || fr.kind == Length && fr.left == 0:
		return nil, 0, http7.End, nil
	case fr.kind == Chunked:
		return fr.chunked(b)
	case len(b) == 0:
		return nil, 0, http7.Parked, nil
	case fr.kind == Length:
		chunk = fr.data(b)
		return chunk, len(chunk), http7.Chunk, nil
	}
	return b, len(b), http7.Chunk, nil
}

// data takes the bytes of b that are the body's.
func (fr *Framer) data(b []byte) []byte {
	if int64(len(b)) > fr.left {
		b = b[:fr.left]
	}
	fr.left -= int64(len(b))
	return b
}

// Finish says that the peer ended its side in an orderly way, after all its bytes went through
// Next. It returns nil if that leaves the body complete, else BodyCut or UpstreamCut by side.
func (fr *Framer) Finish() *http7.Fault {
	switch {
	case fr.fault != nil:
	case fr.kind == UntilClose:
		fr.kind = None
	case fr.kind == None || fr.kind == Length && fr.left == 0:
	case fr.side == http7.Client:
		fr.fault = http7.BodyCut
	default:
		fr.fault = http7.UpstreamCut
	}
	return fr.fault
}

// Remaining returns how many bytes are left of a body of known length, -1 for any other body.
func (fr *Framer) Remaining() int64 {
	if fr.kind == Length {
		return fr.left
	}
	return -1
}

// fail ends the body with the fault of fr's side.
func (fr *Framer) fail(client, upstream *http7.Fault) (n int, s http7.State, f *http7.Fault) {
	if fr.fault = upstream; fr.side == http7.Client {
		fr.fault = client
	}
	if fr.trailer != nil {
		fr.trailer.Reset(nil)
	}
	return 0, http7.Failure, fr.fault
}
