package http7

import "bytes"

// Backstage is what an engine offers to a policy that stores answers. Its methods are called on the exchange's
// goroutine alone.
type Backstage interface {
	// TakeAnswer hands the attempt that x.Answer came from over to the caller: its lease, its connection and its
	// Source end with the Source's Close, whatever becomes of x, and nothing of it refers to x any more. What is read of
	// it is valid until then; its Trailer is complete at its End. It is called in Response; x has no answer then until
	// the caller gives it another. nil: the answer is Weir's own, or can't leave x, and stays what it is.
	TakeAnswer(x *Exchange) *Answer
	// Repeat takes x's way from behind the step of p, which is being asked, once more and without a client: the steps
	// that follow, an endpoint, and their Response back to that of p, and p's End with the word that p has left by now.
	// The exchange that they see has x's facts and a copy of its Outgoing; p finds what by Kept(p) of it. It runs on a
	// goroutine of the engine's bounded set. false: the set is full, x has a body, somebody in particular sends x, or
	// Weir is stopping.
	Repeat(x *Exchange, p Policy, what any) bool
}

// Outgoing is how the request that endpoints get differs from x.Request: a cache's conditions in place of the client's.
type Outgoing struct {
	// Skip are fields of the client that don't go out.
	Skip IDSet
	// Lines are whole field lines that do, each with its CRLF. They live until x is released.
	Lines []byte
}

// Apply makes h, a copy of a request's fields, what goes out.
func (o *Outgoing) Apply(h *Header) {
	if h.HasAny(o.Skip) {
		for id := Unlisted + 1; id < idCount; id++ {
			if o.Skip.Has(id) {
				h.DelID(id)
			}
		}
	}
	for rest := o.Lines; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, lineEnd)
		name, value, _ := bytes.Cut(line, colon)
		h.AddRaw(name, bytes.Trim(value, " \t"))
	}
}

var lineEnd, colon = []byte("\r\n"), []byte{':'}

// stay says whether an exchange goes on without its client.
type stay = uint32

const (
	neverStayed stay = iota
	stays
	stayed
)

// Stay makes x go on when its client leaves, or no longer: others wait for its answer. If the client has left when
// nobody else waits any more, x ends as it would have at once. Any goroutine may call it while x is not released.
func (x *Exchange) Stay(on bool) {
	if on {
		x.stay.Store(stays)
		return
	}
	if x.stay.CompareAndSwap(stays, stayed) && x.Unstayed != nil {
		x.Unstayed()
	}
}

// Stays reports whether x goes on although its client has left.
func (x *Exchange) Stays() bool { return x.stay.Load() == stays }

// Stayed reports whether x has ever been asked to stay.
func (x *Exchange) Stayed() bool { return x.stay.Load() != neverStayed }
