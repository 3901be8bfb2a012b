// Package jwt is the policy that establishes who sends a request by a signed token (RFC 7519), read as RFC 8725 advises:
// algorithms are pinned, each key serves those of its own type, and nothing that a token brings along is believed before
// its signature is.
//
// gateway compiles it; the hall runs its steps. Keys are read by go-jose, signatures are verified by golang-jwt; where a
// token stands and what its claims say is http7/credential's matter.
package jwt

import (
	"bytes"
	"crypto/sha256"
	"time"

	signatures "github.com/golang-jwt/jwt/v5"

	"weir/http7"
	"weir/http7/credential"
	"weir/internal/verified"
)

// checker is the compiled form of a Config. It never changes.
type checker struct {
	name   string
	place  *credential.Place
	source *source
	known  *memory // nil: nothing is remembered
	faults *faults

	methods          map[string]signatures.SigningMethod // those that are pinned, by algorithm
	issuer           string
	audience, types  []string
	leeway           time.Duration
	noExpiry, opaque bool
	consumer, groups string
	forward          *credential.Forward
	maxToken         int
	timeout          time.Duration
	unknown          string // the remark of dry runs
}

// memory are the tokens that were verified, kept over reloads.
type memory struct {
	*verified.Table[*bearer]
	end func() // of the level that is shown
}

// Close implements [policy.Ender].
func (m *memory) Close() { m.end() }

// Request implements [http7.Policy].
func (p *checker) Request(x *http7.Exchange) http7.Verdict {
	token, count := p.place.Find(x)
	switch {
	case count == 0 || p.opaque && count == 1 && bytes.Count(token, dot) != 2:
		return http7.Continue
	case count > 1:
		return refuse(x, &failure{p.faults.ambiguous, nil})
	}
	now := time.Now()
	b := p.remembered(token, now)
	if b == nil {
		var f *failure
		if b, f = p.judge(x, token, now); f != nil {
			return refuse(x, f)
		}
		if b == nil { // a dry run, in which nobody is asked
			return http7.Continue
		}
	}
	if b.bound != nil && !shows(x, b.bound) {
		return refuse(x, &failure{p.faults.bound, nil})
	}
	x.Establish(http7.Identity{Scheme: scheme, Consumer: b.consumer, Groups: b.groups, Scopes: b.scopes})
	x.Claims = append(x.Claims, b.claims...)
	x.Keep(p, b)
	return http7.Continue
}

const scheme = "jwt"

func refuse(x *http7.Exchange, f *failure) http7.Verdict {
	x.Cause = f.err
	return http7.Refuse(f.fault)
}

// remembered returns what token was found to say, if that still holds: until it expires, and as long as its key is among
// the issuer's.
func (p *checker) remembered(token []byte, now time.Time) *bearer {
	if p.known == nil {
		return nil
	}
	at := p.known.Get(token, now)
	if at == nil {
		return nil
	}
	b, set := *at, p.source.keys.Load()
	if b.set.Load() != set {
		if set == nil || !set.has(&b.key) {
			p.known.Drop(token)
			return nil
		}
		b.set.Store(set)
	}
	if now.Before(b.from) { // the clock has gone back
		return nil
	}
	return b
}

// judge verifies a token that is seen for the first time. If a key is missing that the issuer may have by now, it waits
// for the keys. In a dry run nobody is asked and nothing remembered: then b is nil, and so is the failure.
func (p *checker) judge(x *http7.Exchange, token []byte, now time.Time) (b *bearer, f *failure) {
	b, f = p.verify(token, p.source.keys.Load(), now)
	if f != nil && f.err == errAsk {
		if x.Dry {
			if p.source.client == nil {
				return nil, f
			}
			x.Verdicts = append(x.Verdicts, p.unknown)
			return nil, nil
		}
		if p.awaitKeys(x) {
			b, f = p.verify(token, p.source.keys.Load(), now)
		}
	}
	if f == nil && p.known != nil && !x.Dry {
		p.known.Put(token, b, b.size(), b.until, now)
	}
	return b, f
}

// awaitKeys waits for a call for keys, if one is under way or may begin, and reports whether there was one.
func (p *checker) awaitKeys(x *http7.Exchange) bool {
	ended := p.source.ask()
	if ended == nil {
		return false
	}
	ctx, done := x.Block(p.timeout)
	defer done()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	return true
}

// shows reports whether x's client has proved to have the certificate of that SHA-256.
func shows(x *http7.Exchange, sum []byte) bool {
	if x.Conn == nil || x.Conn.ClientCert == nil {
		return false
	}
	own := sha256.Sum256(x.Conn.ClientCert.Raw)
	return bytes.Equal(own[:], sum)
}

// rewriter takes the token out of what goes to the endpoint, and tells it the claims.
type rewriter struct {
	*checker
	strips bool
}

// Request implements [http7.Policy].
func (r *rewriter) Request(x *http7.Exchange) http7.Verdict {
	if r.strips {
		r.place.Strip(x)
	}
	if r.forward == nil {
		return http7.Continue
	}
	var told credential.Told
	if b, is := x.Kept(r.checker).(*bearer); is {
		told = b.told
	}
	r.forward.Write(&x.Request, told)
	return http7.Continue
}

// Trailer implements [http7.TrailerPolicy].
func (r *rewriter) Trailer(x *http7.Exchange, trailer *http7.Header) {
	r.place.StripTrailer(x, trailer)
}
