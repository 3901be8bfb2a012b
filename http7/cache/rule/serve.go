package rule

// Decision is what a stored answer is good for.
type Decision uint8

// The decisions.
const (
	// Validate: ask the origin, with the stored validators.
	Validate Decision = iota
	// Use: answer from the store.
	Use
	// UseStale: answer from the store although it is stale; the client's max-stale allows it.
	UseStale
	// UseAndRenew: answer from the store although it is stale, and validate it behind (RFC 5861 §3).
	UseAndRenew
	// Apart: the stored answer is not for this request, which goes to the origin without touching the store: the
	// answer's lifetime is the configuration's and the request has credentials.
	Apart
)

// Serve decides about a stored answer and a request (RFC 9111 §4, §5.2.1). It looks at neither key nor Vary.
func Serve(f *Facts, a *Asks, now int64) Decision {
	switch {
	case f.Flags&Configured != 0 && a.Credentials:
		return Apart
	case f.Flags&NoCache != 0 || a.NoCache:
		return Validate
	}
	ttl := f.TTL(now)
	if a.tooOld(f, now) && (ttl <= 0 || f.Flags&Immutable == 0) {
		return Validate
	}
	switch {
	case ttl > 0 && ttl >= a.MinFresh:
		return Use
	case f.Flags&MustRevalidate != 0 || a.MinFresh >= 0 || a.MaxStale >= 0 && -ttl > a.MaxStale:
		return Validate
	case -ttl < f.WhileRevalidate:
		return UseAndRenew
	case a.MaxStale >= 0:
		return UseStale
	}
	return Validate
}

// tooOld reports whether the client asks for a younger answer. max-age=0 is never satisfied.
func (a *Asks) tooOld(f *Facts, now int64) bool {
	return a.MaxAge >= 0 && (a.MaxAge == 0 || f.Age(now) > a.MaxAge)
}

// OnError reports whether a stored answer may be given in place of an error of the origin: a 500, 502, 503 or 504, or
// none at all (RFC 5861 §4). The answer's own directive, the configuration's or the client's allow it.
func OnError(f *Facts, a *Asks, now int64) bool {
	if f.Flags&(NoCache|MustRevalidate) != 0 || a.NoCache || f.Flags&Configured != 0 && a.Credentials {
		return false
	}
	allowed := max(f.IfError, a.StaleIfError)
	if a.StaleIfError <= 0 && (a.tooOld(f, now) || a.MinFresh >= 0) {
		return false
	}
	return allowed > 0 && -f.TTL(now) < allowed
}

// IsError reports whether a status is an error in the sense of stale-if-error (RFC 5861 §4).
func IsError(status int) bool { return status == 500 || 502 <= status && status <= 504 }
