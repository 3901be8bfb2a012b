// Package sticky keeps a client at the endpoint that served it first, by a cookie that only Weir
// can read or make.
//
// http7/serve opens the cookie before it asks lb for an endpoint ([Sticky.Open]) and sets one on the
// answer that it keeps ([Sticky.Keep]); gateway compiles a [Sticky] per upstream and gets the keys
// from a [Store]. sticky chooses no endpoint: lb decides whether the one in the cookie is still fit.
//
// The value is AES-256-GCM over the endpoint and the time at which it expires, with a random nonce,
// under a key derived from the secret by HKDF-SHA256 (RFC 5869), and bound to the upstream's name. So it reads as
// random bytes of constant length, can't be made or changed to choose an endpoint, means nothing
// at another upstream, and holds across reloads, restarts and every node with the same secret.
// With random nonces one secret is good for 2^32 cookies (NIST SP 800-38D §8.3); cookies are made for
// new sessions and once in half a TTL for old ones: at a hundred a second that is more than a year.
//
// To whoever stores answers: the cookie belongs to one client. It is added to the answer as it
// leaves for that client, after every response policy, and never to what a cache stores or serves; caches
// behind Weir are kept from storing it by "Cache-Control: private" on that one answer (RFC 9111 §7.3:
// Set-Cookie alone stops no cache).
package sticky
