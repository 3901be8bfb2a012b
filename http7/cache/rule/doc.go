// Package rule says what a shared HTTP cache may do: RFC 9111 (caching), RFC 9110 §13–14 (conditions and ranges),
// RFC 5861 (stale answers), RFC 8246 (immutable), RFC 9213 (CDN-Cache-Control) and RFC 9211 (Cache-Status).
//
// Its functions are pure: no clock, no store, no configuration but what is passed. The cache policy calls them. What
// runs on a hit, [Head.Facts], [ReadAsks], [Serve], [NotModified], [Head.Fill] and what they need, allocates nothing.
//
// Where a message is ambiguous the restrictive reading is taken: not stored, stale, not matched. Nothing is repaired.
//
// Instants are Unix nanoseconds, as time.Time.UnixNano returns them, dates of fields are Unix seconds.
package rule
