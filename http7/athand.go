package http7

// ahead is the Source of an answer whose first bytes have been counted before they leave.
type ahead struct {
	src  Source
	held []byte // copies of bytes that src gave
	rest []byte // what src gave last, still its own
	// last is what src said last, if it was its last word: End or Failure; fault goes with it.
	last  State
	over  bool
	fault *Fault
}

// AnswerAtHand returns how many bytes of x's answer's body are at hand, without waiting for more, and
// whether they are all of it. It looks no further than n bytes, so that it may return any number of
// at least n. The bytes stay part of the body. It is for responses of unknown length: policies call
// it in Response, before the body has begun.
func (x *Exchange) AnswerAtHand(n int) (bytes int, whole bool) {
	a := x.Answer
	if a.Source == nil {
		return 0, true
	}
	p := &a.ahead
	if a.Source != Source(p) {
		*p = ahead{src: a.Source}
		a.Source = p
	}
	for !p.over && len(p.held)+len(p.rest) < n {
		if len(p.rest) > 0 {
			p.hold(x, n)
		}
		if !p.look() {
			break
		}
	}
	return len(p.held) + len(p.rest), p.over && p.last == End
}

// hold copies what src will take back when it is asked again.
func (p *ahead) hold(x *Exchange, n int) {
	if cap(p.held)-len(p.held) < len(p.rest) {
		p.held = append(x.Room(max(n, len(p.held)+len(p.rest))), p.held...)
	}
	p.held, p.rest = append(p.held, p.rest...), nil
}

// look asks src for more and reports whether there was any.
func (p *ahead) look() bool {
	chunk, s, f := p.src.Next()
	switch s {
	case Chunk:
		p.rest = chunk
		return true
	case End, Failure:
		p.over, p.last, p.fault = true, s, f
	}
	return false
}

// Next returns what was counted, then what the source has to say.
func (p *ahead) Next() ([]byte, State, *Fault) {
	switch {
	case len(p.held) > 0:
		b := p.held
		p.held = nil
		return b, Chunk, nil
	case len(p.rest) > 0:
		b := p.rest
		p.rest = nil
		return b, Chunk, nil
	case p.over:
		return nil, p.last, p.fault
	}
	return p.src.Next()
}

// Await waits for the source.
func (p *ahead) Await() { p.src.Await() }

// Interrupt ends that wait.
func (p *ahead) Interrupt() { Interrupt(p.src) }

// Close closes the source.
func (p *ahead) Close() { p.src.Close() }
