package oidc

import (
	"net/url"

	"weir/http7"
)

// leave ends a session here, and sends the browser to end it at the provider (OpenID Connect RP-Initiated Logout 1.0 §2).
// Without a session nobody is sent there, and a link or a form of another site ends nothing.
func (p doorman) leave(x *http7.Exchange) http7.Verdict {
	to := p.absolute(x, p.afterLogout)
	if site, _ := x.Request.First(fetchSite); string(site) == "cross-site" {
		return depart(x, to, nil)
	}
	set := p.jar.endAll(x)
	s := p.current(x)
	if s == nil {
		return depart(x, to, set)
	}
	p.counts.logouts.Add(1)
	p.left.end(s, p.now())
	ctx, done := x.Block(p.timeout)
	provider, err := p.kept.finder.find(ctx)
	done()
	if err != nil || provider.logout == "" {
		return depart(x, to, set)
	}
	u, err := url.Parse(provider.logout)
	if err != nil {
		return depart(x, to, set)
	}
	q := u.Query()
	q.Set("client_id", p.oauth.ClientID)
	q.Set("post_logout_redirect_uri", to)
	if s.IDToken != "" {
		q.Set("id_token_hint", s.IDToken)
	}
	u.RawQuery = q.Encode()
	return depart(x, u.String(), set)
}

// absolute returns a path as a URL on x's host; a URL as it is.
func (p *site) absolute(x *http7.Exchange, to string) string {
	if to[0] == '/' {
		return p.base(x) + to
	}
	return to
}
