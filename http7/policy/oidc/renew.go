package oidc

import (
	"context"
	"sync"
	"time"

	lib "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// renewal is what has become of a session that was due.
type renewal struct {
	by      *kept    // whose policy has asked
	session *session // the new one, nil without
	text    string   // of its cookie
	over    bool     // the provider has ended it
	err     error
}

// renewals are the refreshes that are under way or were made a moment ago, by refresh token. A browser sends several requests
// with the same cookie at once, and most providers take a refresh token once. They outlive every reload, whatever it changes,
// and are those of all policies that know the same tokens.
type renewals struct {
	mu    sync.Mutex
	by    map[string]*flight
	swept time.Time
}

// flight is one call for new tokens.
type flight struct {
	done chan struct{}
	renewal
	until time.Time // guarded by mu; zero while it flies
}

const (
	// remembered is how long the outcome is given to requests that still have the old cookie.
	remembered = 2 * time.Minute
	// again is when a refresh that failed is tried again.
	again = 5 * time.Second
)

// renew returns what has become of s, which is due: it asks the provider, or waits for another request that does. Without an
// answer when ctx ends that is an error, and the call goes on.
func (p *site) renew(ctx context.Context, s *session) *renewal {
	f := p.flights.of(s.Refresh, p.kept, p.now, func(f *flight) { p.fly(f, s) })
	select {
	case <-f.done:
		return p.own(&f.renewal)
	case <-ctx.Done():
		return &renewal{err: &silent{ctx.Err()}}
	}
}

// own returns r as a session of p's, where a policy has asked whose config was another.
func (p *site) own(r *renewal) *renewal {
	if r.session == nil || r.by == p.kept {
		return r
	}
	s, err := p.newSession(&r.session.record)
	if err != nil {
		return &renewal{over: true, err: err}
	}
	text, err := p.sealed(s)
	return &renewal{by: p.kept, session: s, text: text, err: err}
}

// Close implements [policy.Ender].
func (*renewals) Close() {}

// of returns the flight for a token, a new one if there is none or the last is too long ago. What failed under another config
// is tried again.
func (r *renewals) of(token string, by *kept, now func() time.Time, fly func(*flight)) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.by[token]; f != nil && (f.until.IsZero() || now().Before(f.until) && (f.session != nil || f.by == by)) {
		return f
	}
	if r.by == nil {
		r.by = map[string]*flight{}
	}
	r.sweep(now())
	f := &flight{done: make(chan struct{}), renewal: renewal{by: by}}
	r.by[token] = f
	go func() { // oidc refresh; owned by the policy, ends with its timeouts
		fly(f)
		r.mu.Lock()
		f.until = now().Add(f.stays())
		r.mu.Unlock()
		close(f.done)
	}()
	return f
}

// sweep forgets what nobody should ask for any more. It looks at all of them, so that it does not do so each time.
func (r *renewals) sweep(now time.Time) {
	if now.Sub(r.swept) < again {
		return
	}
	r.swept = now
	for key, f := range r.by {
		if !f.until.IsZero() && !now.Before(f.until) {
			delete(r.by, key)
		}
	}
}

func (r *renewal) stays() time.Duration {
	if r.session == nil && !r.over {
		return again
	}
	return remembered
}

// fly asks for new tokens. It is nobody's request: one that leaves must not lose them for the others.
func (p *site) fly(f *flight, s *session) {
	ctx, done := context.WithTimeout(context.Background(), 2*p.timeout)
	defer done()
	f.session, f.err = p.refresh(ctx, s)
	if f.err == nil {
		f.text, f.err = p.sealed(f.session)
	}
	if f.err == nil {
		p.counts.refreshed.Add(1)
		return
	}
	f.session, f.over = nil, !unreachable(f.err)
	p.counts.refreshFailed.Add(1)
}

func (p *site) refresh(ctx context.Context, s *session) (*session, error) {
	provider, err := p.kept.finder.find(ctx)
	if err != nil {
		return nil, &silent{err}
	}
	config := p.oauth
	config.Endpoint = provider.endpoint
	ctx = lib.ClientContext(ctx, p.kept.finder.http)
	tokens, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: s.Refresh}).Token()
	if err != nil {
		return nil, cleaned(err)
	}
	r := s.record
	if err := p.fill(ctx, &r, provider, tokens, ""); err != nil {
		return nil, err
	}
	return p.newSession(&r)
}
