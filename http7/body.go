package http7

// Body is a request's body as policies see it. They never read it: the engine collects.
type Body struct {
	// Length is the declared length, -1 if the end shows only when it comes, 0 without a body.
	Length int64
	// Collected are the bytes collected so far.
	Collected []byte
	// Whole says that Collected is all of the body.
	Whole bool
	// Filters see the body on its way to the endpoint, in order.
	Filters []Filter
}

// Present reports whether the request has a body.
func (b *Body) Present() bool { return b.Length != 0 }

// State is what a [Source] has to say.
type State uint8

// The states.
const (
	Chunk   State = iota // bytes were returned
	Parked               // nothing at hand; the driver waits for the source
	End                  // the body is complete; its trailers are in place
	Failure              // the body is cut; the fault says why
)

// Source is an answer's body: an attempt, bytes, a file, a handler's stream, a stored object.
// It is used by one goroutine.
type Source interface {
	// Next returns the bytes at hand, valid until the following call.
	Next() (chunk []byte, s State, f *Fault)
	// Await blocks until Next has something to say. Sources that never return Parked do nothing.
	Await()
	// Close gives back what the source holds. It is called exactly once, also after End.
	Close()
}

// Interrupter is a Source whose Await ends early when Interrupt is called, now or when it next begins: the client has
// gone, or its time is up. Any goroutine may call it, until Close and not during it.
type Interrupter interface {
	Source
	Interrupt()
}

// Interrupt interrupts s if it is an [Interrupter].
func Interrupt(s Source) {
	if i, ok := s.(Interrupter); ok {
		i.Interrupt()
	}
}

// Bytes is a Source of bytes in memory.
type Bytes struct {
	b    []byte
	sent bool
}

// NewBytes returns a Source of b, which it does not copy.
func NewBytes(b []byte) *Bytes { return &Bytes{b: b} }

// Reset makes s a Source of b.
func (s *Bytes) Reset(b []byte) { s.b, s.sent = b, false }

// Next returns all bytes, then End.
func (s *Bytes) Next() ([]byte, State, *Fault) {
	if s.sent || len(s.b) == 0 {
		return nil, End, nil
	}
	s.sent = true
	return s.b, Chunk, nil
}

// Await does nothing: bytes in memory are always at hand.
func (s *Bytes) Await() {}

// Close forgets the bytes.
func (s *Bytes) Close() { s.b = nil }

// Answer is a response on its way to the client.
type Answer struct {
	Status int
	// Reason is the reason phrase as received; empty means the status's usual one.
	Reason  []byte
	Header  Header
	Trailer Header
	// Length is the body's length, -1 if it shows only at its end.
	Length int64
	Source Source
	// Local says that Weir made this answer.
	Local bool
	// Filters see the body on its way to the client, in order.
	Filters []Filter

	ahead ahead // of Source, once its first bytes have been counted
}

// Reset makes a an empty answer.
func (a *Answer) Reset() {
	a.Status, a.Reason, a.Length, a.Source, a.Local = 0, nil, 0, nil, false
	a.Header.Reset(nil)
	a.Trailer.Reset(nil)
	clear(a.Filters)
	a.Filters = a.Filters[:0]
	a.ahead = ahead{}
}
