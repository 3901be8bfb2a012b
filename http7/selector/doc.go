// Package selector takes out of an exchange what the configuration's selectors name ("client",
// "header:X-User", a list of them together): as a hash that places, and as bytes for keys.
//
// Serve hashes for balancers, splits and stickiness; limits and caches will key by the bytes. It
// reads the request's head as received and knows no policy and no endpoint.
package selector
