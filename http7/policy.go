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

	// Edits are the request fields that the step sets or removes on their way to the endpoint, in lower case, of
	// requests whose answers a cache may keep: GET and HEAD.
	Edits []Edit
	// Constants is a text for what the step writes to every request on its way to the endpoint alike: another text, other
	// values. What was stored under one is not found under another.
	Constants string

	// Sets are the request fields in which the endpoint is told who the request comes from: "X-User". What clients say
	// there is removed on every route of a listener with such a step.
	Sets []string
	// Hides are parameters of the query, decoded, in which credentials may stand: logs of the listener mask their values.
	Hides []string
	// HidesFields are request fields in which credentials may stand: logs write keyed hashes of their values, whatever they
	// are called.
	HidesFields []string
	// Cookies are the cookies in which the policy keeps credentials with browsers. Routes of the same hosts that have no
	// policy with a cookie keep it from their endpoints, who could show it again, unless PassesCookies says that endpoints
	// may have it.
	Cookies       []string
	PassesCookies bool
	// Challenge is what the policy has to say in WWW-Authenticate where a credential is wanted and absent, such as
	// `Bearer realm="api"`; "" for policies that establish no identity, and for those whose credential has no scheme.
	Challenge string
	// Establishes says that Request establishes an identity: the step is one of the [Ways] of its bundle.
	Establishes bool
	// Required says that the step refuses requests without an identity. On listeners it is left out.
	Required bool

	Request Policy
	// Preflight answers a CORS preflight right after the guards of the route, before anybody asks who
	// it is; nil for every policy but cors. It may let the exchange go on: then OPTIONS is matched as such.
	Preflight Policy
	Response  ResponsePolicy
	Trailer   TrailerPolicy
	End       Ender
}

// Edit says what a step does to a request field.
type Edit struct {
	Name string
	// Fixed says that the endpoint gets the same whoever asks: nothing, or a constant.
	Fixed bool
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
// With Last the message's trailers are in place, and policies have edited them: a filter of the answer that takes
// them out of their Header may send them in its own way.
type Filter interface {
	Write(dst, chunk []byte, how How) (out []byte, taken int, done bool, fault *Fault)
	// Changes reports whether the filter changes bytes; then lengths, digests and strong
	// validators of the message go.
	Changes() bool
}

// Holder is a [Filter] of an answer that has to see all of the body before any of it may leave. While Holds says so and
// nothing has left yet the head waits as well, so that a fault of the filter is an answer in place of the endpoint's.
type Holder interface {
	Filter
	Holds() bool
}
