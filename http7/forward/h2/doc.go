// Package h2 is HTTP/2 towards endpoints (RFC 9113): one connection that many attempts share, each with
// a stream of its own.
//
// Only http7/forward uses it. Frames are read by golang.org/x/net/http2's Framer and hpack; streams,
// windows and errors are kept here, because a proxy needs to know what a library's client does not
// tell: whether a request was processed, which bytes are at hand, and in which order fields came. It
// also never repeats a request, and a stream that waits costs no goroutine and no buffer.
//
// Request heads are sent without HPACK's dynamic table: nothing that one client sends is kept beside
// what another one does.
package h2
