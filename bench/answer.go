package bench

import (
	"io"

	"weir/http7"
	"weir/http7/wire"
)

const (
	maxHead = 64 << 10
	// keepStash is how much room for heads in pieces a connection keeps from one answer to the next.
	keepStash = 16 << 10
)

// headLimits are a generator's: what a target may well send, but not without end.
var headLimits = wire.Limits{HeadBytes: maxHead, Fields: 1000, TargetBytes: maxHead}

// answer is what the generator keeps of one HTTP answer.
type answer struct {
	status int
	bytes  int64  // of the message as read, head and framing included
	sent   int64  // of the request
	body   []byte // its start, where it is wanted; valid until the next begin
	keep   bool   // the connection may carry another request
}

// answerReader reads HTTP/1 answers, one after the other, from the bytes of one connection as they come. It is as
// strict as Weir's own codec: what that refuses is ErrMalformed, an end before the framing's end ErrShort, an end
// before the first byte io.EOF. In steady state it allocates nothing. The zero value is ready for begin.
type answerReader struct {
	parser  wire.ResponseParser
	framer  wire.Framer
	header  http7.Header
	head    wire.Response
	stash   []byte // a head that has not come whole
	method  []byte
	got     answer
	inBody  bool
	want    bool // keep the body's start
	started bool // a byte has come
}

// The methods whose answers are framed in their own way, and one for all others.
var (
	methodHead    = []byte("HEAD")
	methodConnect = []byte("CONNECT")
	methodOther   = []byte("GET")
)

// begin makes a ready for the answer to a request of that method. wantBody keeps the first MaxExpectedBody bytes of
// the body.
func (a *answerReader) begin(method string, wantBody bool) {
	switch method {
	case "HEAD":
		a.method = methodHead
	case "CONNECT":
		a.method = methodConnect
	default:
		a.method = methodOther
	}
	a.parser.Reset()
	if a.stash = a.stash[:0]; cap(a.stash) > keepStash {
		a.stash = nil
	}
	a.got = answer{body: a.got.body[:0]}
	a.inBody, a.started, a.want = false, false, wantBody
}

// feed takes the bytes that came next. Once the answer is complete it returns true with what lies behind it, which
// no request asked for. Nothing refers to b afterwards.
func (a *answerReader) feed(b []byte) (spare []byte, done bool, err error) {
	a.started = a.started || len(b) > 0
	for !a.inBody {
		n, err := a.readHead(b)
		if n == 0 || err != nil {
			return nil, false, err
		}
		b = b[n:]
	}
	return a.readBody(b)
}

// readHead returns how many bytes of b belong to a head that is whole with them; 0: more are needed.
func (a *answerReader) readHead(b []byte) (int, error) {
	block, before := b, len(a.stash)
	if before > 0 {
		a.stash = append(a.stash, b...)
		block = a.stash
	}
	n, f := a.parser.Parse(block, &headLimits, a.method, &a.head, &a.header)
	if f == nil && n > 0 && a.head.Status == 101 {
		f = http7.UnaskedUpgrade
	}
	if f != nil {
		return 0, malformed(f, block)
	}
	if n == 0 {
		if before == 0 {
			a.stash = append(a.stash, b...)
		}
		return 0, nil
	}
	a.stash = a.stash[:0]
	a.got.bytes += int64(n)
	if a.parser.Reset(); a.head.Status >= 200 {
		a.inBody = true
		a.framer.Reset(a.head.Frame, nil, http7.Upstream)
		a.got.status = a.head.Status
		a.got.keep = a.head.KeepAlive && len(a.method) != len(methodConnect)
	}
	return n - before, nil
}

func (a *answerReader) readBody(b []byte) (spare []byte, done bool, err error) {
	for {
		chunk, n, state, f := a.framer.Next(b)
		a.got.bytes += int64(n)
		if a.want && len(chunk) > 0 {
			room := MaxExpectedBody - len(a.got.body)
			a.got.body = append(a.got.body, chunk[:min(room, len(chunk))]...)
		}
		switch state {
		case http7.End:
			return b[n:], true, nil
		case http7.Failure:
			return nil, false, malformed(f, b[n:])
		}
		// A body of known length that is complete says so at the next call, which costs nothing.
		if b = b[n:]; len(b) == 0 && a.framer.Remaining() != 0 {
			return nil, false, nil
		}
	}
}

// end says that the peer sends no more: nil if that completes the answer.
func (a *answerReader) end() error {
	switch {
	case a.inBody && a.framer.Finish() == nil:
		a.got.keep = false
		return nil
	case a.started:
		return ErrShort
	}
	return io.EOF
}
