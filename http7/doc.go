// Package http7 is the vocabulary of layer 7: the exchange, its header fields and bodies, what a
// policy is and may answer, routes, and the faults that Weir answers with.
//
// Engines fill and drain these types, policies read and edit them. http7 knows no socket, no
// protocol codec and no config file.
//
// Lifetime: every byte slice that a method of [Exchange] or [Header] returns is a read-only view,
// valid until the hall releases x. Whoever keeps one copies it.
package http7
