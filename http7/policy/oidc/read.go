package oidc

import (
	"errors"
	"time"

	"weir/http7"
)

// reader knows browsers again by their cookies.
type reader struct{ *site }

// Request implements [http7.Policy]. A cookie that can't be read is none: after a change of keys browsers sign in again.
func (p reader) Request(x *http7.Exchange) http7.Verdict {
	if x.Recorded != nil {
		if x.Consumer != "" { // the log's line says who it was; its credentials are not there
			x.Establish(http7.Identity{Scheme: Scheme})
		}
		return http7.Continue
	}
	s := p.current(x)
	if s == nil {
		return http7.Continue
	}
	if !s.due.IsZero() && !p.observes && !p.now().Before(s.due) {
		var v http7.Verdict
		if s, v = p.renewed(x, s); s == nil {
			return v
		}
	}
	x.Keep(p.site, s)
	x.Establish(s.who)
	x.Claims = append(x.Claims, s.claims...)
	return http7.Continue
}

// current returns the session of x's cookies, nil if there is none.
func (p *site) current(x *http7.Exchange) *session {
	sealed, lent := p.jar.session(x)
	if sealed == nil {
		return nil
	}
	s := p.known(sealed)
	p.jar.back(lent)
	return s
}

// known returns the session of a cookie, nil if it is none or over. It allocates nothing for a cookie that it has seen
// lately.
func (p *site) known(sealed []byte) *session {
	now := p.now()
	if held := p.kept.sessions.Get(sealed, now); held != nil {
		return p.going(*held, now)
	}
	s, err := p.open(sealed)
	if err != nil || !now.Before(s.end) {
		return nil
	}
	p.kept.sessions.Put(sealed, s, s.size(), s.end, now)
	return p.going(s, now)
}

// going returns s unless it is over by what the config says now, or was ended here.
func (p *site) going(s *session, now time.Time) *session {
	if !now.Before(p.ends(s)) || p.left.has(s, now) {
		return nil
	}
	return s
}

// renewed returns the session that takes the place of s, which is due. nil: there is none any more, and v is what to say.
func (p reader) renewed(x *http7.Exchange, s *session) (*session, http7.Verdict) {
	if x.Dry {
		x.Verdicts = append(x.Verdicts, p.unknown)
		return s, http7.Continue
	}
	ctx, done := x.Block(p.timeout)
	r := p.renew(ctx, s)
	done()
	switch {
	case r.session != nil:
		p.send(x, r)
		return r.session, http7.Continue
	case r.over:
		x.Keep(p.kept, &lines{p.jar.endAll(x)})
		x.Cause = r.err
		return nil, http7.Continue
	case p.now().Before(s.due.Add(p.grace)):
		return s, http7.Continue
	}
	x.Cause = r.err
	return nil, http7.Refuse(p.down)
}

// send makes r's cookie the browser's.
func (p *site) send(x *http7.Exchange, r *renewal) {
	if set, err := p.jar.set(x, r.text, p.ends(r.session).Sub(p.now())); err == nil {
		x.Keep(p.kept, &lines{set})
	}
}

// lines are values of Set-Cookie that the answer gets.
type lines struct{ set [][]byte }

// Response implements [http7.ResponsePolicy].
func (p reader) Response(x *http7.Exchange) http7.Verdict {
	if l, ok := x.Kept(p.kept).(*lines); ok {
		l.add(&x.Answer.Header)
	}
	return http7.Continue
}

var (
	cacheControl    = http7.Known(http7.CacheControl)
	cdnCacheControl = http7.Known(http7.CDNCacheControl)
	location        = http7.Known(http7.Location)
	noStore         = []byte("no-store")
)

// add writes them. No cache may give one browser's cookies to another.
func (l *lines) add(h *http7.Header) {
	for _, value := range l.set {
		h.Add(setCookie, value)
	}
	if len(l.set) > 0 {
		h.Set(cacheControl, noStore)
		h.Del(cdnCacheControl)
	}
}

// teller tells the endpoint who it is.
type teller struct{ *site }

var authorization = http7.Known(http7.Authorization)

// Request implements [http7.Policy].
func (p teller) Request(x *http7.Exchange) http7.Verdict {
	if p.strips {
		p.jar.strip(x)
	}
	s, _ := x.Kept(p.site).(*session)
	if p.forward != nil && s != nil {
		p.forward.Write(&x.Request, s.told)
	}
	switch {
	case !p.tellsAccess:
	case s != nil && s.bearer != nil:
		x.Request.Set(authorization, s.bearer)
	default:
		x.Request.Del(authorization)
	}
	return http7.Continue
}

// unreachable reports whether err says that the provider could not be asked, and not that it said no.
func unreachable(err error) bool {
	var none *silent
	var said *answered
	if errors.As(err, &said) {
		return said.status >= 500 || said.status == 429
	}
	return errors.As(err, &none)
}
