package wire

import "weir/http7"

// Response is the head of an answer. Its bytes are views into the block.
type Response struct {
	// Proto is HTTP10 or HTTP11.
	Proto http7.Proto
	// Status is 100 to 599. Below 200 the head is interim: another one follows.
	Status int
	// Reason is the reason phrase; it may be empty.
	Reason []byte
	// Frame is how the body is delimited: None for 1xx, 204, 304, answers to HEAD and 2xx to
	// CONNECT, UntilClose without Content-Length and Transfer-Encoding.
	Frame Frame
	// KeepAlive says that the endpoint's connection may be used again once the body is read.
	KeepAlive bool
	// Upgrade is the value of the first Upgrade field of a 101 or 426 if Connection names it; else nil.
	Upgrade []byte
}

// ResponseParser reads the heads of answers, one after the other. The zero value is ready. It
// belongs to one goroutine at a time.
type ResponseParser struct {
	head  head
	phase phase
	pos   int
}

// Reset makes p ready for the next head, also after an interim one; see [RequestParser.Reset].
func (p *ResponseParser) Reset() {
	p.head.reset()
	p.phase, p.pos = fresh, 0
}

// Parse reads the head of an answer to a request of that method from the start of block, in the
// way of [RequestParser.Parse]; it skips no empty lines and keeps names with "_". Its faults are
// BadStatusLine, BadAnswerField, BadAnswerFrame and AnswerTooLarge.
func (p *ResponseParser) Parse(block []byte, lim *Limits, method []byte, r *Response, h *http7.Header) (n int, f *http7.Fault) {
	if p.phase == fresh {
		h.Reset(block)
		p.phase, p.pos = inVersion, minStatusLine
	} else {
		h.Rebase(block)
	}
	b, full := p.head.view(block, lim)
	if p.phase == inVersion {
		f = p.statusLine(b)
	}
	if p.phase == inFields && f == nil {
		n, f = p.head.section(b, lim, h, http7.Upstream)
	}
	if n > 0 {
		f = p.finish(block, method, r, h)
	} else if full && f == nil {
		f = http7.HeadTooLarge
	}
	if f != nil {
		return 0, answerFault(f)
	}
	return n, nil
}

// minStatusLine is how far a status line reaches without its reason.
const minStatusLine = len("HTTP/1.1 200 ")

// statusLine goes on with the status line (RFC 9112 §4). The space behind the status is a must.
func (p *ResponseParser) statusLine(b []byte) *http7.Fault {
	if p.pos == minStatusLine {
		if v := readVersion(b); v == notVersion || v == otherVersion || !isStatus(b) {
			return http7.BadStatusLine
		}
	}
	if len(b) < minStatusLine {
		return nil
	}
	p.pos = valueEnd(b, p.pos)
	end, f := lineEnd(b, p.pos, http7.BadStatusLine)
	if f != nil {
		return http7.BadStatusLine
	}
	if end > 0 {
		p.phase = inFields
		p.head.line.begin(end)
	}
	return nil
}

// isStatus reports whether what there is of " 200 " behind the version is right so far.
func isStatus(b []byte) bool {
	const from = len("HTTP/1.1")
	for i := from; i < min(len(b), minStatusLine); i++ {
		switch c := b[i]; i - from {
		case 0, 4:
			if c != ' ' {
				return false
			}
		case 1:
			if c < '1' || c > '5' {
				return false
			}
		default:
			if !isDigit(c) {
				return false
			}
		}
	}
	return true
}

func (p *ResponseParser) finish(b, method []byte, r *Response, h *http7.Header) *http7.Fault {
	*r = Response{
		Proto:  readVersion(b).proto(),
		Status: int(b[9]-'0')*100 + int(b[10]-'0')*10 + int(b[11]-'0'),
		Reason: b[minStatusLine:p.pos],
	}
	fr, f := p.head.framing.answer(r.Proto, r.Status, method)
	if f != nil {
		return f
	}
	p.head.nominated(h, &fr)
	r.Frame = fr
	r.KeepAlive = fr.Kind != UntilClose && p.head.options.persists(r.Proto)
	if (r.Status == 101 || r.Status == 426) && p.head.options.upgrade && p.head.upgrade[1] > 0 {
		r.Upgrade = b[p.head.upgrade[0]:p.head.upgrade[1]]
	}
	return nil
}

// answerFault turns a fault of a request's head into that of an answer's.
func answerFault(f *http7.Fault) *http7.Fault {
	switch f {
	case http7.BadStatusLine:
		return f
	case http7.HeadTooLarge:
		return http7.AnswerTooLarge
	case http7.BadFraming, http7.BadContentLength, http7.UnknownCoding:
		return http7.BadAnswerFrame
	}
	return http7.BadAnswerField
}
