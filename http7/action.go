package http7

// Action answers a request inside Weir from its head alone: a redirect, a fixed answer. Act sets x's
// answer ([Exchange.LocalAnswer]) and returns nil, or returns why it can't. It never blocks, consumes
// nothing (so that x.Dry makes no difference), and serves all exchanges of its snapshot at once.
type Action interface {
	Act(x *Exchange) *Fault
}
