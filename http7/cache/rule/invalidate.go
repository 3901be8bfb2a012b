package rule

import (
	"net/url"
	"strings"

	"weir/http7"
)

// Invalidates reports whether an answer with that status to a request with that method makes stored answers of the URI
// invalid: the method is not known to be safe, and the status no error (RFC 9111 §4.4).
func Invalidates(method []byte, status int) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return false
	}
	return 200 <= status && status < 400
}

// Place is where a URI of the same origin points to.
type Place struct{ Path, Query string }

// InvalidatedBy returns what Location and Content-Location of such an answer make invalid besides the URI itself: places
// of the same origin (RFC 9111 §4.4). scheme is http or https, host as the request has it, path and query are the
// request's. Paths are without dot segments and otherwise as sent; the caller brings them to the form of its keys.
func InvalidatedBy(answer *http7.Header, scheme string, host, path, query []byte) (places []Place) {
	base := url.URL{Scheme: scheme, Host: string(host), RawQuery: string(query)}
	base.Path, _ = url.PathUnescape(string(path))
	base.RawPath = string(path)
	for i := range answer.Len() {
		name, value := answer.At(i)
		if answer.IDAt(i) != http7.Location && !http7.EqualFold(name, "Content-Location") || len(places) == maxPlaces {
			continue
		}
		ref, err := url.Parse(string(value))
		if err != nil {
			continue
		}
		u := base.ResolveReference(ref)
		if !strings.EqualFold(u.Scheme, scheme) || !sameHost(u, &base) {
			continue
		}
		places = append(places, Place{Path: u.EscapedPath(), Query: u.RawQuery})
	}
	return places
}

const maxPlaces = 4

// sameHost compares hosts and ports, whether the port of the scheme is written or not.
func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}
