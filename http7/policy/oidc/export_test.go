package oidc

import "testing"

// Provider starts the provider of the tests for a client at a base URL that is told later.
func Provider(t testing.TB) (issuer string, client func(weir string)) {
	p := newIDP(t)
	return p.server.URL, func(weir string) { p.weir = weir }
}

// What the provider knows.
const (
	ClientID     = clientID
	ClientSecret = clientSecret
)
