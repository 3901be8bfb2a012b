// Package tcp4 is the room of connections: it accepts them within limits, hands them to TLS and
// to the engines of http7, or relays them to an endpoint byte for byte.
//
// What a connection begins with is looked at before anybody has taken a byte of it (peek): Proxies
// takes PROXY headers off those of trusted sources, Passthrough decides from the TLS hello whether a
// connection goes on as it is.
//
// internal/gateway makes Listeners, Proxies, Passthroughs, TLS hand-offs and Relays and joins them by
// Handler; nobody else does. tcp4 sees bytes and addresses. It knows no HTTP and no configuration file; it chooses
// endpoints through lb.
//
// Goroutines. Each bound address has one that accepts ("tcp4.accept"); it ends when the listener
// stops accepting. Each connection has one that runs the handler ("tcp4.conn") and ends with it. A
// relayed session lends a second one for the way back ("tcp4.relay.back"), joined before the first
// returns. The quoted names are pprof labels under the key "goroutine"; they are made once per
// listener and cost a pointer store per connection.
package tcp4
