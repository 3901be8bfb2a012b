package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	lib "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"weir/http7"
)

// doorman serves the paths that are the policy's own.
type doorman struct{ *site }

// Request implements [http7.Policy].
func (p doorman) Request(x *http7.Exchange) http7.Verdict {
	back := string(x.Path) == p.callback && string(x.Method) == "GET"
	leaves := p.logout != "" && string(x.Path) == p.logout && (string(x.Method) == "GET" || string(x.Method) == "POST")
	switch {
	case !back && !leaves:
		return http7.Continue
	case x.Dry:
		x.Verdicts = append(x.Verdicts, p.unknown)
		return http7.Continue
	case leaves:
		return p.leave(x)
	}
	return p.back(x)
}

// back ends a login.
func (p doorman) back(x *http7.Exchange) http7.Verdict {
	x.Shown = p.shown // the log needs no codes
	state := parameter(x, "state")
	l := p.begun(x, state)
	if l == nil {
		p.counts.loginsFailed.Add(1)
		if x.Cause = errStale; p.jar.secure && !x.Secure {
			x.Cause = errPlain
		}
		return http7.Refuse(p.stale)
	}
	ctx, done := x.Block(3 * p.timeout)
	s, err := p.signIn(ctx, x, l)
	done()
	if err != nil {
		p.counts.loginsFailed.Add(1)
		x.Cause = err
		switch {
		case errors.Is(err, errDenied):
			return http7.Refuse(p.denied)
		case unreachable(err):
			return http7.Refuse(p.down)
		}
		return http7.Refuse(p.failed)
	}
	text, err := p.sealed(s)
	if err == nil {
		var set [][]byte
		if set, err = p.jar.set(x, text, p.lasts); err == nil {
			p.counts.logins.Add(1)
			p.left.finish(state, p.now())
			return depart(x, l.To, append(set, p.jar.end(p.jar.logins[state[0]-'0'])))
		}
	}
	x.Cause = err
	return http7.Refuse(p.failed)
}

// depart answers with a redirect that sets cookies.
func depart(x *http7.Exchange, to string, set [][]byte) http7.Verdict {
	a := x.LocalAnswer(303)
	a.Header.Add(location, []byte(to))
	a.Header.Set(cacheControl, noStore)
	(&lines{set}).add(&a.Header)
	return http7.Answered()
}

func parameter(x *http7.Exchange, name string) string {
	if c := http7.Parameters(x.Query, name); c.Next() {
		return string(c.Append(nil))
	}
	return ""
}

var (
	errStale    = errors.New("no cookie of a login came back that fits")
	errPlain    = errors.New("no cookie of a login came back that fits, and the browser came over http: see secure, trusted_proxies and external_url")
	errDenied   = errors.New("the provider says no")
	errNoCode   = errors.New("the provider sent neither a code nor an error")
	errIssuer   = errors.New("another provider answers")
	errNoToken  = errors.New("the provider sent no ID token")
	errNonce    = errors.New("the ID token is of another login")
	errParty    = errors.New("the ID token is for another party")
	errHash     = errors.New("the access token is not that of the ID token")
	errSubject  = errors.New("the token is about somebody else")
	errTooShort = errors.New("the token says nothing of who it is about")
)

// signIn makes a session of what the provider has sent the browser back with.
func (p *site) signIn(ctx context.Context, x *http7.Exchange, l *login) (*session, error) {
	provider, err := p.kept.finder.find(ctx)
	if err != nil {
		return nil, &silent{err}
	}
	// A provider that says who it is can't be mistaken for another (RFC 9207).
	if from := parameter(x, "iss"); from != p.issuer && (from != "" || provider.tells) {
		return nil, errIssuer
	}
	if code := parameter(x, "error"); code != "" {
		return nil, fmt.Errorf("%w: %s", errDenied, word(code))
	}
	code := parameter(x, "code")
	if code == "" {
		return nil, errNoCode
	}
	config := p.oauth
	config.Endpoint, config.RedirectURL = provider.endpoint, l.Redirect
	ctx = lib.ClientContext(ctx, p.kept.finder.http)
	tokens, err := config.Exchange(ctx, code, oauth2.VerifierOption(l.Verifier))
	if err != nil {
		return nil, cleaned(err)
	}
	now := p.now()
	r := &record{ID: rand.Text(), Begun: now.Unix(), End: now.Add(p.lasts).Unix()}
	if err := p.fill(ctx, r, provider, tokens, l.Nonce); err != nil {
		return nil, err
	}
	return p.newSession(r)
}

// fill puts what tokens say into r. nonce is that of the login, "" when a session is refreshed. Without an ID token, which a
// refresh need not bring (OpenID Connect Core §12.2), the claims stay.
func (p *site) fill(ctx context.Context, r *record, provider *provider, tokens *oauth2.Token, nonce string) error {
	raw, _ := tokens.Extra("id_token").(string)
	switch {
	case raw != "":
		claims, err := p.verify(ctx, provider, tokens, raw, nonce)
		if err != nil {
			return err
		}
		if err := p.take(r, claims); err != nil {
			return err
		}
	case nonce != "":
		return errNoToken
	}
	if tokens.RefreshToken != "" {
		r.Refresh = tokens.RefreshToken
	}
	if granted, ok := tokens.Extra("scope").(string); ok {
		r.Scopes = granted
	} else if nonce != "" {
		r.Scopes = joined(p.oauth.Scopes)
	}
	if p.tellsAccess {
		r.Access = tokens.AccessToken
	}
	if raw != "" && p.logout != "" {
		r.IDToken = raw
	}
	r.dueAt(tokens, p.now())
	return nil
}

// document are the claims of a token, or of the userinfo endpoint.
type document map[string]json.RawMessage

// verify returns the claims of an ID token that is good (OpenID Connect Core §3.1.3.7).
func (p *site) verify(ctx context.Context, provider *provider, tokens *oauth2.Token, raw, nonce string) (document, error) {
	t, err := provider.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, cleaned(err)
	}
	if nonce != "" && subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(nonce)) == 0 {
		return nil, errNonce
	}
	if t.AccessTokenHash != "" && t.VerifyAccessToken(tokens.AccessToken) != nil {
		return nil, errHash
	}
	var claims document
	if err := t.Claims(&claims); err != nil {
		return nil, errTooShort
	}
	var party string
	if azp, there := claims["azp"]; there && (json.Unmarshal(azp, &party) != nil || party != p.oauth.ClientID) ||
		!there && len(t.Audience) > 1 {
		return nil, errParty
	}
	if t.Subject == "" {
		return nil, errTooShort
	}
	return claims, p.addUserInfo(ctx, provider, tokens, t.Subject, claims)
}

// addUserInfo adds what the userinfo endpoint says and the token does not.
func (p *site) addUserInfo(ctx context.Context, provider *provider, tokens *oauth2.Token, subject string, claims document) error {
	if !p.userinfo {
		return nil
	}
	info, err := provider.lib.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return &silent{cleaned(err)}
	}
	if info.Subject != subject { // OpenID Connect Core §5.3.2
		return errSubject
	}
	var more document
	if err := info.Claims(&more); err != nil {
		return cleaned(err)
	}
	for name, value := range more {
		if _, there := claims[name]; !there {
			claims[name] = value
		}
	}
	return nil
}

// take makes claims r's. A refresh must be about whom the login was about.
func (p *site) take(r *record, claims document) error {
	var subject string
	if err := json.Unmarshal(claims["sub"], &subject); err != nil || r.Subject != "" && r.Subject != subject {
		return errSubject
	}
	r.Subject = subject
	var err error
	r.Claims, err = p.wanted(claims)
	return err
}

func joined(words []string) (text string) {
	for _, w := range slices.Compact(slices.Sorted(slices.Values(words))) {
		if text != "" {
			text += " "
		}
		text += w
	}
	return text
}
