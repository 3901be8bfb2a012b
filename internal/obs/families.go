package obs

import (
	"slices"
	"strings"
)

// The names of all families; weir_<thing>_<unit>.
const (
	requestsTotal   = "weir_http_requests_total"
	requestDuration = "weir_http_request_duration_seconds"
	requestBytes    = "weir_http_request_bytes_total"
	responseBytes   = "weir_http_response_bytes_total"
	faultsTotal     = "weir_http_faults_total"
	defencesTotal   = "weir_defences_total"

	attemptsTotal    = "weir_upstream_attempts_total"
	upstreamDuration = "weir_upstream_duration_seconds"

	picksTotal     = "weir_upstream_picks_total"
	retriesTotal   = "weir_upstream_retries_total"
	hedgesTotal    = "weir_upstream_hedges_total"
	ejectionsTotal = "weir_upstream_ejections_total"
	queuedTotal    = "weir_upstream_queued_total"
	shedTotal      = "weir_upstream_shed_total"
	queueDepth     = "weir_upstream_queue_depth"
	breakerOpened  = "weir_upstream_breaker_opened_total"
	breakerState   = "weir_upstream_breaker_state"
	upstreamPanic  = "weir_upstream_panic"
	sourceUp       = "weir_upstream_source_up"

	endpointState    = "weir_endpoint_state"
	endpointInFlight = "weir_endpoint_in_flight"
	endpointIdle     = "weir_endpoint_idle_connections"
	endpointLimit    = "weir_endpoint_limit"
	endpointLatency  = "weir_endpoint_latency_seconds"
	endpointPicks    = "weir_endpoint_picks_total"
	endpointProbes   = "weir_endpoint_probes_total"

	mirrorSent     = "weir_mirror_sent_total"
	mirrorFailed   = "weir_mirror_failed_total"
	mirrorDropped  = "weir_mirror_dropped_total"
	mirrorCompared = "weir_mirror_compared_total"
	mirrorWaiting  = "weir_mirror_waiting"
	mirrorInFlight = "weir_mirror_in_flight"

	cacheRequests     = "weir_cache_requests_total"
	cacheFillDuration = "weir_cache_fill_duration_seconds"
	cacheBytes        = "weir_cache_bytes"
	cacheLimit        = "weir_cache_limit_bytes"
	cacheObjects      = "weir_cache_objects"
	cacheEvictions    = "weir_cache_evictions_total"
	cacheFilling      = "weir_cache_filling"
	cacheWaiting      = "weir_cache_waiting"
	cacheLate         = "weir_cache_waits_expired_total"
	cacheBehind       = "weir_cache_background"
	cacheRefused      = "weir_cache_background_refused_total"
	cacheFills        = "weir_cache_fills_total"
	cachePurges       = "weir_cache_purges_total"
	cacheBacklog      = "weir_cache_purge_backlog"

	connectionsTotal   = "weir_listener_connections_total"
	connectionsActive  = "weir_listener_connections_active"
	tunnelsActive      = "weir_listener_tunnels_active"
	connectionsRefused = "weir_listener_connections_refused_total"
	handshakesTotal    = "weir_listener_tls_handshakes_total"
	handshakesResumed  = "weir_listener_tls_resumptions_total"
	handshakeFailures  = "weir_listener_tls_handshake_failures_total"
	acceptPauses       = "weir_listener_accept_pauses_total"
	listenerBytesIn    = "weir_listener_bytes_in_total"
	listenerBytesOut   = "weir_listener_bytes_out_total"

	certificateExpiry = "weir_certificate_expiry_timestamp_seconds"
	certificateBroken = "weir_certificate_broken"

	configGeneration = "weir_config_generation"
	certificateTries = "weir_certificate_attempts_total"
	configReloads    = "weir_config_reloads_total"
	configReloadedAt = "weir_config_last_reload_success_timestamp_seconds"
	panicsTotal      = "weir_panics_total"
	accessLogLines   = "weir_access_log_lines_total"
	accessLogDropped = "weir_access_log_dropped_total"
	auditLogLines    = "weir_audit_log_lines_total"
	auditLogDropped  = "weir_audit_log_dropped_total"
	buildInfo        = "weir_build_info"

	policyRefusals = "weir_policy_refusals_total"
	policyEvents   = "weir_policy_events_total"
	policyLevel    = "weir_policy_level"
)

// Family describes one metric family; docs/metrics.md is written from [Families].
type Family struct {
	Name   string
	Type   string // counter, gauge or histogram
	Labels []string
	Help   string
}

// Families lists every family that a catalogue can export, those of the process and the Go
// runtime aside.
func Families() []Family {
	at, route := []string{"listener"}, []string{"listener", "route"}
	upstream, endpoint := []string{"upstream"}, []string{"upstream", "endpoint"}
	reason := []string{"upstream", "reason"}
	mirrored := []string{"route", "upstream"}
	return slices.Concat([]Family{
		{requestsTotal, "counter", []string{"listener", "route", "class"}, "Exchanges that ended, by class of status: `1xx` to `5xx`, `none` if no head was sent. `route` is empty when none matched."},
		{requestDuration, "histogram", route, "From the arrival of the request to the last byte of the answer; 100 µs to 60 s."},
		{requestBytes, "counter", route, "Body bytes read from clients."},
		{responseBytes, "counter", route, "Body bytes written to clients."},
		{faultsTotal, "counter", []string{"listener", "kind"}, "Exchanges that Weir answered or cut because of a fault."},
		{defencesTotal, "counter", []string{"listener", "kind"}, "Connections, streams and handshakes that were ended because of what looks like an attack; the kinds stand below."},
		{attemptsTotal, "counter", []string{"upstream", "outcome"}, "Attempts on endpoints that ended, retries included: `ok`, `connect_failed`, `reset`, `timeout`, `bad_answer` and `status_5xx`; `cancelled` for no reason of the endpoint's, `outrun` by another attempt at the same request."},
		{upstreamDuration, "histogram", upstream, "From the begin of an attempt to the first byte of the answer; 100 µs to 60 s."},
		{picksTotal, "counter", reason, "Choices of an endpoint, by what they came to: `picked`, or why there was none. `all_full` are those that found every endpoint full; uses that found others in line did not choose, and are in `weir_upstream_queued_total` or `weir_upstream_shed_total` alone."},
		{retriesTotal, "counter", reason, "Attempts after the first, by the failure that they answer: `connect`, `reset`, `timeout`, `502`, `503`, `504`. `budget` were not made because the budget was spent."},
		{hedgesTotal, "counter", []string{"upstream", "result"}, "Hedges: `won` if their answer was sent, `lost` if not, `refused` if the budget was spent or there was nobody else to ask."},
		{ejectionsTotal, "counter", reason, "Endpoints taken out by the judgement over their traffic: `consecutive_errors` or `success_rate`."},
		{queuedTotal, "counter", upstream, "Uses that had to wait for a place at an endpoint."},
		{shedTotal, "counter", reason, "Uses that were refused because every endpoint had as much in flight as it may: at once because the queue was `full` or there is none, `standing` to shorten a line that had stood for too long, after the queue's `timeout`."},
		{queueDepth, "gauge", upstream, "Uses that wait for a place at an endpoint now."},
		{breakerOpened, "counter", upstream, "How often the breaker has opened, also again after a trial that failed. Only with a breaker."},
		{breakerState, "gauge", []string{"upstream", "state"}, "1 for the state that the breaker is in, 0 for the others. Only with a breaker."},
		{upstreamPanic, "gauge", upstream, "1 while so few endpoints are fit that ejected ones are used too."},
		{sourceUp, "gauge", upstream, "1 while the last lookup of the endpoints went well, 0 while those of the last good answer are used. Only where endpoints are looked up."},
		{endpointState, "gauge", []string{"upstream", "endpoint", "state"}, "1 for the state that the endpoint is in, 0 for the others."},
		{endpointInFlight, "gauge", endpoint, "Leases on the endpoint: requests or sessions that use it now."},
		{endpointIdle, "gauge", endpoint, "Idle connections kept to the endpoint."},
		{endpointLimit, "gauge", endpoint, "Leases that the endpoint may have at a time. Only with max_in_flight."},
		{endpointLatency, "gauge", endpoint, "Moving average of the time to the first byte, failures in it with their charge; 0 before the first."},
		{endpointPicks, "counter", endpoint, "Leases ever given on the endpoint."},
		{endpointProbes, "counter", []string{"upstream", "endpoint", "result"}, "Probes by what they came to, `ok` or `failed`. Only with health."},
		{mirrorSent, "counter", mirrored, "Copies of requests that left for the upstream of a mirror. These six are there from the first request that a mirror has drawn."},
		{mirrorFailed, "counter", mirrored, "Copies that got no whole answer."},
		{mirrorDropped, "counter", []string{"route", "upstream", "reason"}, "Copies that were not sent: `full` is no room for another, `down` no fit endpoint or too many failures in a row, `too_large` a body over max_body, `incomplete` a client that did not send all of it."},
		{mirrorCompared, "counter", []string{"route", "upstream", "result"}, "Answers compared: `equal`, `different`, and `unequalled` those that could not be."},
		{mirrorWaiting, "gauge", mirrored, "Copies that wait to be sent."},
		{mirrorInFlight, "gauge", mirrored, "Copies under way."},
		{connectionsTotal, "counter", at, "Connections accepted."},
		{connectionsActive, "gauge", at, "Connections open now."},
		{tunnelsActive, "gauge", at, "Tunnels open now, such as WebSockets; each holds a lease on its endpoint."},
		{connectionsRefused, "counter", []string{"listener", "reason"}, "Connections closed at once, by reason."},
		{handshakesTotal, "counter", []string{"listener", "version"}, "TLS handshakes that ended well, QUIC's among them, by version: `1.2`, `1.3`."},
		{handshakesResumed, "counter", at, "Of these, the ones over TCP that went on with an earlier session."},
		{handshakeFailures, "counter", []string{"listener", "reason"}, "TLS handshakes that failed: `timeout` took too long, `not_tls` is a client that spoke something else, `client_certificate` one that showed none or a bad one, `unknown_name` one that asked for a name that nobody serves, `refused_by_client` one that refused us by an alert, as for our certificate, `other` all else."},
		{certificateExpiry, "gauge", []string{"listener", "certificate"}, "When a listener's certificate expires, in Unix seconds; `certificate` is its first name."},
		{certificateBroken, "gauge", []string{"listener", "certificate"}, "Whether newer files of a certificate, or of the authorities of clients, can't be used, so that the old ones are served: 1 or 0."},
		{certificateTries, "counter", []string{"result"}, "Attempts to obtain a certificate by ACME, by what they came to: `ok`, `failed`."},
		{acceptPauses, "counter", at, "Pauses of accept because file descriptors ran out."},
		{listenerBytesIn, "counter", at, "Bytes of TCP sessions read from clients."},
		{listenerBytesOut, "counter", at, "Bytes of TCP sessions written to clients."},
		{configGeneration, "gauge", nil, "Generation of the snapshot that serves; 1 is the first."},
		{configReloads, "counter", []string{"result"}, "Configs published (`ok`, the first included) and refused (`refused`)."},
		{configReloadedAt, "gauge", nil, "When a config was last published, in Unix seconds."},
		{panicsTotal, "counter", nil, "Panics recovered; each is a defect worth a report."},
		{accessLogLines, "counter", nil, "Access log lines written."},
		{accessLogDropped, "counter", nil, "Access log lines lost because the sink was slow, full or gone."},
		{buildInfo, "gauge", []string{"version", "commit", "go", "fasthttp"}, "Always 1; the labels say which binary this is."},
	}, cacheFamilies(), policyFamilies())
}

// policyFamilies lists those of policies.
func policyFamilies() []Family {
	return []Family{
		{auditLogLines, "counter", nil, "Audit log lines written."},
		{auditLogDropped, "counter", nil, "Audit log lines lost because the sink was slow, full or gone."},
		{policyRefusals, "counter", []string{"policy", "fault", "mode"}, "Requests that a policy has refused, by the fault's name (`answered` where it answered in words of its own), and with mode `observe` those that it would have refused. `policy` is bundle and section."},
		{policyEvents, "counter", []string{"policy", "event"}, "Rare events of policies, such as keys that could not be fetched; the README of each has its words."},
		{policyLevel, "gauge", []string{"policy", "level"}, "Levels of policies, such as the keys that a limit knows; the README of each has its words."},
	}
}

// cacheFamilies lists those of caches.
func cacheFamilies() []Family {
	return []Family{
		{cacheRequests, "counter", []string{"listener", "route", "result"}, "Exchanges of routes with a cache that ended, by what the cache had to do with the answer; the results stand below."},
		{cacheFillDuration, "histogram", nil, "From the request that fills an object to its last byte; 100 µs to 60 s."},
		{cacheBytes, "gauge", nil, "Bytes that the cache holds, its bookkeeping included. This and the following are there as soon as a policy has a cache."},
		{cacheLimit, "gauge", nil, "Bytes that the cache may hold: `size` of `[cache]`."},
		{cacheObjects, "gauge", nil, "Objects that the cache holds, those included that are past their time."},
		{cacheFilling, "gauge", nil, "Answers that are being moved into the cache beside the requests for them."},
		{cacheWaiting, "gauge", nil, "Requests that wait for what another one fetches."},
		{cacheLate, "counter", nil, "Requests that waited as long as `wait` allows, and then went to an endpoint by themselves."},
		{cacheBehind, "gauge", nil, "Stale answers that are fetched again behind the clients' backs."},
		{cacheRefused, "counter", nil, "Stale answers that were not fetched again behind the clients' backs, because 256 others were; the next request tries."},
		{cacheEvictions, "counter", []string{"reason"}, "Objects that left the cache: `small` were new and nobody asked again, `main` were asked for the least, `replaced` by a newer one for the same key, `purged` by a purge or an unsafe request."},
		{cacheFills, "counter", []string{"result"}, "Fills that ended: `stored`, `renewed` (what is stored still holds), `uncacheable`, `too_large`, `cut` (the answer ended early), `failed` (no answer, or an error), `refused` (too many at once, or no room), `purged` (before they were whole)."},
		{cachePurges, "counter", []string{"kind"}, "Purges, by what they name: `key`, `prefix`, `tag`, `all`."},
		{cacheBacklog, "gauge", nil, "Purges by prefix, by tag and of all that hold already, and whose objects have not all been cleared away."},
	}
}

// familyOf cuts the labels off a series.
func familyOf(name string) string {
	f, _, _ := strings.Cut(name, "{")
	return f
}
