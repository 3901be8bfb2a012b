package mirror

import (
	"time"

	"weir/http7"
)

// copied is a copy of one request with what is compared of both answers. It goes from the exchange to the lane's
// queue and to a worker, is used by one of them at a time, and lies in the pool's reserve in between.
type copied struct {
	of    *mirror
	lane  *lane
	probe bool  // it finds out whether the upstream is back
	held  int64 // what it has of the pool's room

	d       http7.Detached
	id      []byte // the request's id, for the report
	request record
	live    answer
	shadow  answer
}

// maxKept is the largest buffer that a copy keeps for the next.
const maxKept = 64 << 10

// begin copies the head of x, and its body or a filter for it.
func (c *copied) begin(x *http7.Exchange) {
	d := &c.d
	d.Upstream = c.of.upstream
	d.Method = append(d.Method[:0], x.Method...)
	d.Target = appendTarget(d.Target[:0], x)
	d.Authority = append(d.Authority[:0], x.Authority...)
	d.Path = append(d.Path[:0], x.Path...)
	d.Header.CopyFrom(&x.Request)
	x.Outgoing.Apply(&d.Header)
	c.id = append(c.id[:0], x.RequestID...)
	c.of.tell(x, &d.Header)
	c.request.reset(c.of.most)
	switch {
	case !x.Body.Present():
		c.request.whole = true
	case x.Body.Whole && len(x.Body.Filters) == 0:
		c.request.keep(x.Body.Collected)
		c.request.whole = true
	default:
		x.Body.Filters = append(x.Body.Filters, &c.request)
	}
}

// appendTarget appends what the endpoint gets as request-target. What came in absolute form leaves in origin form.
func appendTarget(dst []byte, x *http7.Exchange) []byte {
	if x.Out != nil {
		return append(dst, x.Out...)
	}
	dst = append(dst, x.Path...)
	if x.Query != nil {
		dst = append(append(dst, '?'), x.Query...)
	}
	return dst
}

// answered notes the head of x's answer and has its body kept.
func (c *copied) answered(x *http7.Exchange) {
	a := x.Answer
	if a.Local || x.Fault != nil {
		return
	}
	c.live.note(c.of, a, x.Method)
	if !c.live.body.whole && !c.live.body.over {
		a.Filters = append(a.Filters, &c.live.body)
	}
}

// send sends the copy, reads the answer and compares. It runs on a worker.
func (c *copied) send() {
	l := c.lane
	l.sent.Add(1)
	c.d.Body = c.request.b
	c.d.Deadline = time.Now().Add(c.of.timeout)
	a, f := c.of.needs.Sender.Send(&c.d)
	if f != nil {
		l.failed.Add(1)
		l.lost()
	} else {
		l.reached()
		if f = c.read(a); f != nil {
			l.failed.Add(1)
		}
	}
	if c.of.compare {
		l.judge(c)
	}
}

// read reads an answer to its end, as the client would have, and closes it. A stream of events has none.
func (c *copied) read(a *http7.Answer) *http7.Fault {
	defer a.Source.Close()
	if c.of.compare {
		c.shadow.note(c.of, a, c.d.Method)
	}
	if isEventStream(a) {
		return nil
	}
	for {
		chunk, s, f := a.Source.Next()
		switch s {
		case http7.Chunk:
			c.shadow.body.keep(chunk)
		case http7.Parked:
			a.Source.Await()
		case http7.End:
			c.shadow.body.whole = true
			return nil
		case http7.Failure:
			return f
		}
	}
}

// release gives the copy back to the pool.
func (c *copied) release() {
	p := c.lane.pool
	c.of, c.lane, c.probe = nil, nil, false
	c.request.reset(0)
	c.live.reset()
	c.shadow.reset()
	c.d.Body = nil
	p.put(c)
}

// record keeps what passes, up to a bound. It is a filter that only looks.
type record struct {
	b     []byte
	most  int
	over  bool // there was more
	whole bool // the end has come
}

func (r *record) reset(most int) {
	if cap(r.b) > maxKept {
		r.b = nil
	}
	*r = record{b: r.b[:0], most: most}
}

// keep takes a chunk, or gives up: nothing is made of a part.
func (r *record) keep(chunk []byte) {
	switch {
	case r.over:
	case len(r.b)+len(chunk) > r.most:
		r.over, r.b = true, r.b[:0]
	default:
		r.b = append(r.b, chunk...)
	}
}

// Write implements [http7.Filter].
func (r *record) Write(_, chunk []byte, how http7.How) (out []byte, taken int, done bool, f *http7.Fault) {
	r.keep(chunk)
	r.whole = r.whole || how == http7.Last
	return chunk, len(chunk), true, nil
}

// Changes implements [http7.Filter].
func (*record) Changes() bool { return false }
