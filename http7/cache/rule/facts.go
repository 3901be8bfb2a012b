package rule

import "time"

// Flags are what is true of a stored answer.
type Flags uint16

// The flags.
const (
	// MustRevalidate: never answered stale: must-revalidate, proxy-revalidate or s-maxage (RFC 9111 §5.2.2).
	MustRevalidate Flags = 1 << iota
	// NoCache: every use must be validated (RFC 9111 §5.2.2.4).
	NoCache
	// Immutable: a client's max-age does not make it validated while it is fresh (RFC 8246 §2.1).
	Immutable
	// Configured: the lifetime is the configuration's; it does not hold for requests with credentials.
	Configured
	// Aged: the answer came with an Age of its own, so that it was stored elsewhere before (RFC 9111 §5.1).
	Aged
	// Tagged: the answer has a valid ETag; StrongTag: one that is not weak.
	Tagged
	StrongTag
	// BadModified: the answer has a Last-Modified that is no date.
	BadModified
	// Undated: the answer came without a valid Date, so that its Last-Modified proves nothing (RFC 9110 §8.8.2.2).
	Undated
	// Varies: the answer has a Vary with names.
	Varies
)

// Facts are what decides about a stored answer.
type Facts struct {
	Status int
	Flags  Flags
	// Born is when the answer was made, as far as is known: its age at t is t − Born (RFC 9111 §4.2.3).
	Born int64
	// FreshUntil is when it turns stale.
	FreshUntil int64
	// WhileRevalidate and IfError are how long behind FreshUntil it may be answered stale (RFC 5861). They are 0 where
	// that is prohibited.
	WhileRevalidate, IfError time.Duration
	// LastModified is the field's date, [NoDate] if it has no valid one; Date is the answer's, never absent.
	LastModified, Date int64
}

// Has reports whether all of flags are set.
func (f *Facts) Has(flags Flags) bool { return f.Flags&flags == flags }

// Age is how old the answer is, never negative (RFC 9111 §4.2.3).
func (f *Facts) Age(now int64) time.Duration { return time.Duration(max(now-f.Born, 0)) }

// TTL is how long the answer stays fresh, negative for how long it has been stale.
func (f *Facts) TTL(now int64) time.Duration { return time.Duration(f.FreshUntil - now) }

// Lifetime is the freshness lifetime (RFC 9111 §4.2.1).
func (f *Facts) Lifetime() time.Duration { return time.Duration(f.FreshUntil - f.Born) }

// Validator reports whether the answer has a validator to ask the origin with.
func (f *Facts) Validator() bool { return f.Has(Tagged) || f.LastModified != NoDate }

// Expire makes the answer stale by now, as a soft purge does.
func (f *Facts) Expire(now int64) { f.FreshUntil = min(f.FreshUntil, now) }

// StrongDate reports whether Last-Modified is a strong validator: the answer says that it was made at least a second later
// (RFC 9110 §8.8.2.2).
func (f *Facts) StrongDate() bool {
	return f.LastModified != NoDate && f.Date > f.LastModified && f.Flags&Undated == 0
}
