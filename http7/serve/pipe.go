package serve

import (
	"weir/http7"
	"weir/internal/sock"
)

// pipe is a Source whose bytes pass through filters. Each filter is asked only for as much as its
// taker has room for, so that however it expands what it is given, memory stays bounded.
type pipe struct {
	raw    http7.Source
	stages []stage
}

// stage is one filter and where it stands.
type stage struct {
	filter http7.Filter
	dst    *sock.Block
	in     []byte // what it has not taken yet
	how    http7.How
	owed   bool // it must be called again before it gets more
	quiet  bool // it has been flushed since it last got bytes
	ended  bool
}

// over makes p the source of what raw gives, passed through filters in order.
func (p *pipe) over(raw http7.Source, filters []http7.Filter) {
	p.raw = raw
	for _, f := range filters {
		p.stages = append(p.stages, stage{filter: f, dst: sock.NewBlock(sock.LargeBlock)})
	}
}

// Next returns the bytes that have passed all filters.
func (p *pipe) Next() ([]byte, http7.State, *http7.Fault) { return p.pull(len(p.stages) - 1) }

// Await waits for the source.
func (p *pipe) Await() { p.raw.Await() }

// Interrupt ends that wait.
func (p *pipe) Interrupt() { http7.Interrupt(p.raw) }

// Close closes the source.
func (p *pipe) Close() { p.raw.Close() }

// free gives back the filters' blocks.
func (p *pipe) free() {
	for i := range p.stages {
		p.stages[i].dst.Free()
	}
	clear(p.stages)
	p.raw, p.stages = nil, p.stages[:0]
}

// pull returns what stage i has to give; stage -1 is the source.
func (p *pipe) pull(i int) ([]byte, http7.State, *http7.Fault) {
	if i < 0 {
		return p.raw.Next()
	}
	st := &p.stages[i]
	for {
		if st.owed {
			out, f := st.call()
			if f != nil {
				return nil, http7.Failure, f
			}
			if len(out) > 0 {
				return out, http7.Chunk, nil
			}
			continue
		}
		if st.ended {
			return nil, http7.End, nil
		}
		chunk, s, f := p.pull(i - 1)
		switch {
		case s == http7.Failure || s == http7.Parked && st.quiet:
			return nil, s, f
		case s == http7.Chunk:
			st.give(chunk, http7.More)
		case s == http7.Parked:
			st.give(nil, http7.Flush)
		case s == http7.End:
			st.give(nil, http7.Last)
		}
	}
}

func (st *stage) give(chunk []byte, how http7.How) {
	st.in, st.how, st.owed, st.quiet = chunk, how, true, how == http7.Flush
}

// call calls the filter once. It owes nothing more once all was taken and, but for More, it is done.
func (st *stage) call() ([]byte, *http7.Fault) {
	out, taken, done, f := st.filter.Write(st.dst.B[:0], st.in, st.how)
	if f != nil {
		return nil, f
	}
	st.in = st.in[taken:]
	if len(st.in) == 0 && (done || st.how == http7.More) {
		st.owed = false
		st.ended = st.how == http7.Last
	}
	return out, nil
}

// changes reports whether any filter changes bytes.
func changes(filters []http7.Filter) bool {
	for _, f := range filters {
		if f.Changes() {
			return true
		}
	}
	return false
}

// reshape removes from a head what the bytes that a filter changes no longer bear out: lengths and
// digests go, and so do ranges; a strong ETag turns weak (RFC 9110 §8.8.1).
func reshape(h *http7.Header) {
	for _, id := range []http7.ID{http7.ContentLength, http7.AcceptRanges, http7.ContentDigest, http7.ReprDigest} {
		h.DelID(id)
	}
	if tag := h.Get(http7.ETag); len(tag) > 0 && tag[0] == '"' {
		h.Set(http7.Known(http7.ETag), append([]byte("W/"), tag...))
	}
}

// filterAnswer puts the answer's filters before its source.
func (x *exchange) filterAnswer() {
	a := x.Answer
	if len(a.Filters) == 0 {
		return
	}
	if changes(a.Filters) {
		reshape(&a.Header)
		a.Length = -1
	}
	if a.Source != nil && !bodiless(x) {
		x.rawAnswer = rawAnswer{Source: a.Source, x: x}
		x.answerPipe.over(&x.rawAnswer, a.Filters)
		a.Source = &x.answerPipe
	}
}

// rawAnswer is the answer's body as it comes. Behind the last of it policies edit the trailers, before a filter sees
// them.
type rawAnswer struct {
	http7.Source
	x *exchange
}

// Next returns the bytes at hand.
func (a *rawAnswer) Next() ([]byte, http7.State, *http7.Fault) {
	chunk, s, f := a.Source.Next()
	if s == http7.End {
		a.x.trailAnswer()
	}
	return chunk, s, f
}

// Interrupt ends the wait for more.
func (a *rawAnswer) Interrupt() { http7.Interrupt(a.Source) }

// filterRequest puts the request's filters before its body. What was collected passes them too.
func (x *exchange) filterRequest(in *sock.Reader) {
	if len(x.Body.Filters) == 0 || !x.Body.Present() {
		return
	}
	if changes(x.Body.Filters) {
		reshape(&x.Request)
		x.Body.Length = -1
	}
	x.Body.Collected = append([]byte(nil), x.replay.buf...)
	x.replay.buf = x.replay.buf[:0]
	x.rawBody = rawBody{x: x, in: in, first: x.Body.Collected}
	x.requestPipe.over(&x.rawBody, x.Body.Filters)
}

// rawBody is the request's body as the client sends it: what was collected, then what comes.
type rawBody struct {
	x     *exchange
	in    *sock.Reader
	first []byte
}

// Next returns the bytes at hand.
func (b *rawBody) Next() ([]byte, http7.State, *http7.Fault) {
	if first := b.first; len(first) > 0 {
		b.first = nil
		return first, http7.Chunk, nil
	}
	return b.x.nextSent(b.in)
}

// Await does nothing: whoever moves the body waits for the client itself.
func (b *rawBody) Await() {}

// Close does nothing: the connection outlives the body.
func (b *rawBody) Close() {}
