package http7

// Policy judges a request before it is sent on. Request and Resume run on the exchange's
// goroutine, never block unless [Step.Blocks] is declared, and allocate nothing in steady state.
// One Policy serves all exchanges of its snapshot at once.
type Policy interface {
	Request(x *Exchange) Verdict
}

// Resumer is a Policy that may answer Need or Wait. Resume goes on where Request stopped;
// x.Word holds what the policy left there.
type Resumer interface {
	Policy
	Resume(x *Exchange, why Event) Verdict
}

// Ender gives back what a policy took. End is called exactly once for every exchange whose
// Request or Resume the hall has called, with the word the policy left in x.Word.
type Ender interface {
	End(x *Exchange, word uint64)
}

// ResponsePolicy sees every final answer that send has decided to keep, local ones included,
// whether or not the policy's Request ran. It may edit or replace the answer.
type ResponsePolicy interface {
	Response(x *Exchange) Verdict
}

// TrailerPolicy edits trailers. Header policies don't touch them.
//
// Trailer is called with the answer's trailers when its body is complete, and once with &x.Trailer when that of a
// request that is sent on is: on any goroutine, perhaps beside the answer, so that it must leave the rest of x
// as it is. It is not called for an empty section.
type TrailerPolicy interface {
	Trailer(x *Exchange, trailer *Header)
}

// BodyNeed declares how much of a request body a policy may ask for.
type BodyNeed uint8

// The needs.
const (
	NoBody BodyNeed = iota
	FirstBytes
	WholeBody
)

// Step is one compiled policy in the order of a route. It never changes after Compile.
type Step struct {
	// Name is bundle and section, such as "edge.headers.request"; Bundle is its first part.
	Name   string
	Bundle string
	Stage  Stage
	Mode   Mode
	Body   BodyNeed
	// Blocks says that Request or Resume may block on I/O.
	Blocks bool
	// Reads are the selectors that the verdict depends on, besides what stands on every line of the
	// access log: "header:origin", in lower case. They are logged, so that plan can decide again.
	Reads []string

	Request Policy
	// Preflight answers a CORS preflight right after the guards of the route, before anybody asks who
	// it is; nil for every policy but cors. It may let the exchange go on: then OPTIONS is matched as such.
	Preflight Policy
	Response  ResponsePolicy
	Trailer   TrailerPolicy
	End       Ender
}

// How says what follows a chunk given to a filter.
type How uint8

// The ways.
const (
	More  How = iota
	Flush     // nothing more is at hand: hold nothing back
	Last      // the body ends with this chunk
)

// Filter passes the bytes of a body. Write appends to dst at most its free room and returns it as
// out with how much of chunk it took; it is called again with the rest, and with the same how until
// done. chunk is valid only during the call. A filter that only looks returns the chunk itself.
type Filter interface {
	Write(dst, chunk []byte, how How) (out []byte, taken int, done bool, fault *Fault)
	// Changes reports whether the filter changes bytes; then lengths, digests and strong
	// validators of the message go.
	Changes() bool
}
