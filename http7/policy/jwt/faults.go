package jwt

import "weir/http7"

// faults are why a token is refused, made for one realm at compile time.
type faults struct {
	ambiguous, malformed, tooLarge, critical, kind, algorithm, unknownKey, signature *http7.Fault
	expired, early, issuer, audience, claims, bound                                  *http7.Fault
	unavailable                                                                      *http7.Fault
}

func newFaults(realm string) *faults {
	bad := func(name, detail string) *http7.Fault {
		return refusal("jwt_"+name, 401, 16, "Unauthorized", detail, challenge(realm)+`, error="invalid_token", error_description="`+detail+`"`)
	}
	return &faults{
		ambiguous: refusal("jwt_ambiguous", 400, 3, "Bad Request", "The request carries more than one token.",
			challenge(realm)+`, error="invalid_request", error_description="The request carries more than one token."`),
		malformed:  bad("malformed", "The token is not a signed JWT."),
		tooLarge:   bad("too_large", "The token is too long."),
		critical:   bad("critical", "The token demands an extension that is not known here."),
		kind:       bad("type", "The token is of another type."),
		algorithm:  bad("algorithm", "The token is signed by an algorithm that is not accepted."),
		unknownKey: bad("key", "The token is signed by a key that is not known."),
		signature:  bad("signature", "The token's signature is not valid."),
		expired:    bad("expired", "The token has expired."),
		early:      bad("not_yet", "The token is not valid yet."),
		issuer:     bad("issuer", "The token's issuer is not accepted."),
		audience:   bad("audience", "The token was given for another service."),
		claims:     bad("claims", "The token's claims lack something or can't be used."),
		bound:      bad("bound", "The token belongs to a key that this client has not shown."),
		unavailable: &http7.Fault{Side: http7.Internal, Kind: http7.Unavailable, Name: "jwt_no_keys", Status: 503, GRPC: 14, ProxyStatus: "proxy_internal_response",
			Title: "Service Unavailable", Detail: "Tokens can't be verified at the moment.", Extra: "Retry-After: 1\r\n"},
	}
}

func refusal(name string, status, grpc int, title, detail, authenticate string) *http7.Fault {
	return &http7.Fault{Side: http7.Client, Kind: http7.Refused, Name: name, Status: status, GRPC: grpc, ProxyStatus: "http_request_denied",
		Title: title, Detail: detail, Extra: "WWW-Authenticate: " + authenticate + "\r\n"}
}

func challenge(realm string) string { return `Bearer realm="` + realm + `"` }
