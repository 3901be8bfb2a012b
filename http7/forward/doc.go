// Package forward holds connections to endpoints: pools of idle ones, and one attempt to one
// endpoint over HTTP/1.
//
// Only the drivers of http7/serve call it. It never retries: what an attempt came to is a fault,
// and send decides.
package forward
