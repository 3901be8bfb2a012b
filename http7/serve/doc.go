// Package serve holds the engines: they parse requests into exchanges, pass each through the hall
// (decide, send, answer, done) and write the answers.
//
// The driver here is the blocking one for HTTP/1: one goroutine per connection, which lends a
// second only to move a request body beside its answer. Connections come from tcp4; what is served
// comes from the snapshot that gateway publishes.
//
// To policies that store answers the hall is a http7.Backstage: an attempt may leave its exchange (TakeAnswer), an
// exchange may go its way again without a client (Repeat), and one that others wait for may outlive its own (Stay).
//
// Judge and Explain say what would become of a request: they take a dry exchange, on a connection that has
// no socket, through the same hall up to the head that would leave, and consume nothing.
package serve
