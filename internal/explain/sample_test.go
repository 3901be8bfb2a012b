package explain

// samples are reports as the hall makes them, by the name of their golden files.
func samples() map[string]*Report {
	return map[string]*Report{"forwarded": forwarded(), "split": divided(), "refused": refused(), "unrouted": unrouted(), "redirected": redirected(),
		"hostile": hostile()}
}

func forwarded() *Report {
	return &Report{
		Listener: "web",
		Request: Request{Method: "GET", Target: "/v1/%6frders/17?page=2", Host: "api.example.com", Path: "/v1/orders/17", Changed: true, Query: "page=2",
			Client: "192.0.2.7", Peer: "10.0.0.1:49152", Secure: true, SNI: "api.example.com", Country: "DE", RequestID: "0190-7c"},
		Candidates: []Candidate{
			{Route: "acme-orders", Where: "weir.toml:20:1", Pattern: "api.example.com/v1/orders/{id}",
				Failed: &Failed{Key: "headers.X-Tenant", Want: "acme", Saw: "ACME"}},
			{Route: "beta", Where: "weir.toml:31:1", Pattern: "api.example.com/v1/orders/{id}", Failed: &Failed{Key: "headers.X-Beta", Want: "*", Absent: true}},
			{Route: "gold", Where: "weir.toml:40:1", Pattern: "api.example.com/v1/orders/{id}", Failed: &Failed{Key: "claims.plan", Want: "~^gold", Saw: "silver"}},
			{Route: "orders", Where: "weir.toml:52:1", Pattern: "GET api.example.com/v1/orders/{id}", Taken: true},
			{Route: "api", Where: "weir.toml:60:1", Pattern: "api.example.com/*", Why: "less specific than orders"},
		},
		More: 12,
		Route: &Route{Name: "orders", Where: "weir.toml:52:1", Pattern: "GET api.example.com/v1/orders/{id}", Captures: []Field{{"id", "17"}},
			Timeout: "5s", BodyLimit: 1 << 20},
		Policies: []Policy{
			{Name: "edge.ip_filter", Stage: "guard", Mode: "enforce", From: "listener", Verdict: Continues, Why: "no entry has 192.0.2.7"},
			{Name: "trial.ip_filter", Stage: "guard", Mode: "observe", From: "listener", Verdict: Refuses, Status: 403, Fault: "ip_denied", Why: "192.0.2.0/24"},
			{Name: "edge.jwt", Stage: "identify", Mode: "enforce", From: "listener", Verdict: OptedOut},
			{Name: "partners.introspect", Stage: "identify", Mode: "enforce", From: "route", Verdict: Unknown, Why: "would ask id.example.com"},
			{Name: "edge.compress", Stage: "present", Mode: "enforce", From: "listener", Verdict: OnAnswer},
		},
		Action: Forwarded,
		Upstreams: []Upstream{{Name: "orders", Balance: "ewma", Note: "draw", Breaker: "half_open", Queued: 2, Endpoints: []Endpoint{
			{Address: "10.0.0.1:8080", State: "ready", Weight: 1, Zone: "eu-1a", InFlight: 3, Limit: 200, LatencyUS: 1200, Score: 3600.5, Chance: 0.95},
			{Address: "10.0.0.2:8080", State: "ready", Weight: 2, Zone: "eu-1b", LatencyUS: 2_500_000, Score: 1.25e6, Chance: 0.05},
			{Address: "unix:/run/orders.sock", State: "ready", Tier: 1, Weight: 1, Why: "a backup"},
			{Address: "10.0.0.3:8080", State: "down", Weight: 1, Why: "connect: connection refused"},
		}, Request: &Outgoing{Method: "GET", Target: "/v2/orders/17?page=2", Protocol: "h1", Body: 2,
			Fields: []Field{{"Host", "api.example.com"}, {"X-Edge", "weir"}, {"X-Forwarded-For", "192.0.2.7"}}}}},
		Mirror: &Mirror{Upstream: "orders-next", Sample: 0.1, Compare: true},
		Notes:  []string{"partners.introspect was taken as passed"},
	}
}

func divided() *Report {
	return &Report{
		Listener:   "web",
		Request:    Request{Method: "GET", Target: "/", Host: "www.example.com", Path: "/", Client: "192.0.2.7", Peer: "192.0.2.7:49152"},
		Candidates: []Candidate{{Route: "site", Pattern: "/*", Taken: true}},
		Route:      &Route{Name: "site", Pattern: "/*"},
		Action:     Divided,
		Split: &Split{By: "cookie:uid", Sides: []Side{
			{Upstream: "site-v1", Weight: 9995, Share: 0.9995}, {Upstream: "site-v2", Weight: 5, Share: 0.0005}}},
		Upstreams: []Upstream{
			{Name: "site-v1", Balance: "round_robin", Endpoints: []Endpoint{{Address: "10.0.0.1:80", State: "ready", Weight: 1, Chance: 1}},
				Request: &Outgoing{Method: "GET", Target: "/", Fields: []Field{{"Host", "www.example.com"}}}},
			{Name: "site-v2", Balance: "maglev", Key: "client 192.0.2.7", Panic: true, Note: "nobody can be asked: every endpoint is down"},
		},
	}
}

func refused() *Report {
	return &Report{
		Listener:   "web",
		Request:    Request{Method: "POST", Target: "/v1/a", Host: "localhost", Path: "/v1/a", Client: "203.0.113.9", Peer: "203.0.113.9:49152", Body: 1},
		Candidates: []Candidate{{Route: "all", Pattern: "/*", Taken: true}},
		Route:      &Route{Name: "all", Pattern: "/*"},
		Policies: []Policy{
			{Name: "edge.ip_filter", Stage: "guard", Mode: "enforce", From: "listener", Verdict: Refuses, Status: 403, Fault: "ip_denied", Why: "203.0.113.0/24"},
			{Name: "edge.headers.request", Stage: "rewrite", Mode: "enforce", From: "listener", Verdict: NotReached},
		},
		Action: Refused,
		Answer: &Answer{Status: 403, By: "edge.ip_filter", Fault: "ip_denied", Title: "Forbidden", Detail: "This address is not allowed.",
			Fields: []Field{{"Content-Type", "application/problem+json"}}, Body: 120},
	}
}

func unrouted() *Report {
	return &Report{
		Listener:   "web",
		Request:    Request{Method: "GET", Target: "/nothing", Host: "localhost", Path: "/nothing", Client: "127.0.0.1"},
		Candidates: []Candidate{{Route: "ping", Pattern: "/ping", Failed: &Failed{Key: "path", Want: "/ping", Saw: "/nothing"}}},
		Action:     Refused,
		Answer:     &Answer{Status: 404, By: "protocol", Fault: "no_route", Title: "Not Found", Detail: "No route matches this request."},
	}
}

func redirected() *Report {
	return &Report{
		Listener:   "web",
		Request:    Request{Method: "GET", Target: "/old/a/b", Host: "localhost", Path: "/old/a/b", Client: "127.0.0.1", Preflight: "PUT"},
		Candidates: []Candidate{{Route: "old", Pattern: "/old/*", Taken: true}},
		Route:      &Route{Name: "old", Pattern: "/old/*", Captures: []Field{{"rest", "a/b"}}},
		Action:     Redirected,
		Answer:     &Answer{Status: 308, By: "route", Location: "https://www.example.com/new/a/b"},
	}
}

// hostile holds what a terminal must not act on, in every place that a request has a say in.
func hostile() *Report {
	const evil = "a\x1b]0;owned\x07\r\n\u202eb"
	r := forwarded()
	r.Request = Request{Method: evil, Target: evil, Host: evil, Path: evil, Query: evil, Client: evil, Peer: evil, SNI: evil, RequestID: evil, Consumer: evil, Scheme: evil, Groups: []string{evil}, Scopes: []string{evil}}
	r.Candidates = []Candidate{{Route: "x", Pattern: evil, Failed: &Failed{Key: "headers.X", Want: evil, Saw: evil}}}
	r.Route.Captures = []Field{{"id", evil}}
	r.Policies[0].Why = evil
	r.Split = &Split{By: "cookie:uid", Key: evil}
	r.Upstreams[0].Request.Fields = []Field{{evil, evil}}
	r.Upstreams[0].Request.Target = evil
	r.Answer = &Answer{Status: 302, Location: evil, Fields: []Field{{evil, evil}}}
	r.Notes = []string{evil}
	return r
}

// filled is the report as it is read again: lists that may not be null are empty.
func (r *Report) filled() Report {
	out := *r
	out.Candidates, out.Policies = listed(r.Candidates), listed(r.Policies)
	out.Upstreams = append([]Upstream(nil), r.Upstreams...)
	for i := range out.Upstreams {
		out.Upstreams[i].Endpoints = listed(out.Upstreams[i].Endpoints)
	}
	if r.Split != nil {
		out.Split = &Split{By: r.Split.By, Key: r.Split.Key, Sides: listed(r.Split.Sides)}
	}
	return out
}
