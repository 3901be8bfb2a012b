package oidc

import "weir/http7"

// faults are those of one policy: their texts are the same for all, their places in memory tell the policies apart.
type faults struct {
	// login sends a browser to the provider; where to stands in Location, which the answer gets of each request's own.
	login *http7.Fault
	// moved sends it to the host that it should ask for.
	moved *http7.Fault
	// stale refuses a browser that comes back without having left from here, or too late.
	stale *http7.Fault
	// denied is the provider's no.
	denied *http7.Fault
	// failed is a code or a token that is not good.
	failed *http7.Fault
	// down is a provider that can't be asked.
	down *http7.Fault
}

func newFaults() faults {
	return faults{
		login:  refused("oidc_login", 302, 16, "Found", "The request needs a login."),
		moved:  refused("oidc_moved", 302, 16, "Found", "The request needs a login, at another host."),
		stale:  refused("oidc_stale_login", 400, 3, "Bad Request", "This login was not begun here, or has taken too long. Begin again."),
		denied: refused("oidc_denied", 403, 7, "Forbidden", "The login was not granted."),
		failed: refused("oidc_failed", 403, 7, "Forbidden", "The login could not be verified."),
		down: &http7.Fault{Side: http7.Internal, Kind: http7.Unavailable, Name: "oidc_unavailable", Status: 503, GRPC: 14,
			ProxyStatus: "proxy_internal_error", Title: "Service Unavailable", Detail: "Nobody can sign in at the moment.", Extra: "Retry-After: 1\r\n"},
	}
}

func refused(name string, status, grpc int, title, detail string) *http7.Fault {
	return &http7.Fault{Side: http7.Client, Kind: http7.Refused, Name: name, Status: status, GRPC: grpc,
		ProxyStatus: "http_request_denied", Title: title, Detail: detail, Extra: "Cache-Control: no-store\r\n"}
}
