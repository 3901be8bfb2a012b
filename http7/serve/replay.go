package serve

import (
	"strconv"
	"sync"

	"weir/http7"
	"weir/http7/wire"
	"weir/internal/sock"
)

// replay keeps the bytes of a request's body that have left for an endpoint, as they left, so that
// another attempt can send them again: those that were collected, and, if the request may be
// repeated, those that were streamed as long as they fit.
type replay struct {
	buf   []byte
	block *replayBlock
	at    int  // how much of buf this attempt has sent
	limit int  // how long buf may grow by recording; 0: no recording
	lost  bool // bytes have left that are not in buf
	// brief says that only a request which was not processed at all is sent again: with the answer's head
	// what is kept has no use any more.
	brief bool
	// chunked says how this attempt sends the body.
	chunked bool
}

// replayBlock is the pooled room of a replay of the default size.
type replayBlock struct{ b [64 << 10]byte }

var replayBlocks = sync.Pool{New: func() any { return new(replayBlock) }}

// begin prepares for the attempts of an exchange. Where many requests share a connection, any may be refused
// unprocessed, and sent again whatever its method.
func (r *replay) begin(x *exchange, repeatable bool) {
	r.limit, r.brief = 0, !repeatable && x.plan.Transport.Shares()
	if (repeatable || r.brief) && (!x.bodyDone || len(x.Body.Filters) > 0) {
		r.limit = int(x.plan.Retry.Replay)
	}
}

// whole reports whether the body can be sent from its start once more.
func (r *replay) whole() bool { return !r.lost }

// record keeps a copy of a chunk that leaves.
func (r *replay) record(chunk []byte) {
	if len(r.buf)+len(chunk) > r.limit {
		r.lost = true
		r.limit = 0
		if r.brief {
			r.buf, r.at = nil, 0
		}
		return
	}
	r.grow(len(chunk))
	r.buf = append(r.buf, chunk...)
	r.at = len(r.buf)
}

// grow makes room, from the pool while that suffices. What is brief is often short, and may last long.
func (r *replay) grow(n int) {
	if r.block == nil && len(r.buf) == 0 && n <= len(replayBlock{}.b) && !r.brief {
		r.block = replayBlocks.Get().(*replayBlock)
		r.buf = r.block.b[:0]
	}
}

func (r *replay) free() {
	if r.block != nil {
		replayBlocks.Put(r.block)
	}
	if r.buf != nil || r.limit > 0 || r.lost {
		*r = replay{}
	}
}

// append appends a chunk in the framing of this attempt.
func (r *replay) append(dst, chunk []byte) []byte {
	if r.chunked {
		return wire.AppendChunk(dst, chunk)
	}
	return append(dst, chunk...)
}

// appendEnd appends what ends the body.
func (r *replay) appendEnd(dst []byte, trailer *http7.Header) []byte {
	if r.chunked {
		return wire.AppendLastChunk(dst, trailer)
	}
	return dst
}

// nextBody returns the next bytes of the body for this attempt: what is kept, then what comes.
func (x *exchange) nextBody(in *sock.Reader) ([]byte, http7.State, *http7.Fault) {
	r := &x.replay
	if r.at < len(r.buf) {
		chunk := r.buf[r.at:]
		r.at = len(r.buf)
		return chunk, http7.Chunk, nil
	}
	chunk, s, f := x.unkept(in)
	if s == http7.Chunk {
		if r.brief && x.up != nil && x.up.Headed() {
			r.limit = 0
		}
		r.record(chunk)
	}
	return chunk, s, f
}

// unkept returns the next bytes that leave for the first time.
func (x *exchange) unkept(in *sock.Reader) ([]byte, http7.State, *http7.Fault) {
	if len(x.requestPipe.stages) > 0 {
		return x.requestPipe.Next()
	}
	return x.nextSent(in)
}

// nextSent returns the next bytes of the body on their way to the first filter, or to the endpoint. Behind the last
// of them policies edit the trailers, once.
func (x *exchange) nextSent(in *sock.Reader) (chunk []byte, s http7.State, f *http7.Fault) {
	if s = http7.End; !x.bodyDone {
		chunk, s, f = x.nextRaw(in)
	}
	if s == http7.End && !x.trailed {
		x.trailed = true
		x.trailRequest()
	}
	return chunk, s, f
}

// nextRaw returns the next bytes of the body as the client sent it, up to the limit.
func (x *exchange) nextRaw(in *sock.Reader) ([]byte, http7.State, *http7.Fault) {
	chunk, s, f := x.nextFramed(in)
	if s == http7.Chunk {
		if limit := x.bodyLimit(); limit > 0 && x.bytesIn > limit {
			return nil, http7.Failure, http7.BodyTooLarge
		}
	}
	return chunk, s, f
}

// nextFramed is nextRaw for a body that nobody wants, to which no limit applies.
func (x *exchange) nextFramed(in *sock.Reader) ([]byte, http7.State, *http7.Fault) {
	chunk, n, s, f := x.framer.Next(in.Window())
	in.Consume(n)
	x.bytesIn += int64(len(chunk))
	if s == http7.End {
		x.bodyDone = true
	}
	return chunk, s, f
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }
