package introspect

import "weir/http7"

// faults are why a token is refused, made for one realm at compile time.
type faults struct{ ambiguous, malformed, inactive, issuer, audience, claims, unavailable *http7.Fault }

func newFaults(realm string) *faults {
	bad := func(name, detail string) *http7.Fault {
		return refusal(name, 401, 16, "Unauthorized", detail, realm, "invalid_token")
	}
	return &faults{
		ambiguous: refusal("ambiguous", 400, 3, "Bad Request", "The request carries more than one token.", realm, "invalid_request"),
		malformed: bad("malformed", "The token can't be one."),
		inactive:  bad("inactive", "The token is not active."),
		issuer:    bad("issuer", "The token's issuer is not accepted."),
		audience:  bad("audience", "The token was given for another service."),
		claims:    bad("claims", "What is known of the token lacks something or can't be used."),
		unavailable: &http7.Fault{Side: http7.Internal, Kind: http7.Unavailable, Name: "introspect_unavailable", Status: 503, GRPC: 14, ProxyStatus: "proxy_internal_response",
			Title: "Service Unavailable", Detail: "Tokens can't be judged at the moment.", Extra: "Retry-After: 1\r\n"},
	}
}

func refusal(name string, status, grpc int, title, detail, realm, code string) *http7.Fault {
	return &http7.Fault{Side: http7.Client, Kind: http7.Refused, Name: "introspect_" + name, Status: status, GRPC: grpc, ProxyStatus: "http_request_denied",
		Title: title, Detail: detail, Extra: "WWW-Authenticate: " + challenge(realm) + `, error="` + code + `", error_description="` + detail + "\"\r\n"}
}

func challenge(realm string) string { return `Bearer realm="` + realm + `"` }
