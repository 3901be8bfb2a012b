package http7

import "strconv"

// Side says whose doing a fault is.
type Side uint8

// The sides.
const (
	Client   Side = iota // the request was refused
	Upstream             // an endpoint failed, or none could be had
	Internal             // Weir itself failed
)

// Kind groups faults by what went wrong; send decides by it.
type Kind uint8

// The kinds.
const (
	Malformed   Kind = iota // bytes that are not the protocol, or are ambiguous
	Limit                   // over a limit of the config
	Refused                 // understood, and not done
	NoEndpoint              // no endpoint is fit
	Connect                 // no connection to the endpoint
	Stale                   // a reused connection ended before any byte of the answer
	Reset                   // the endpoint ended the connection before the answer's head was whole
	Timeout                 // a deadline passed
	BadAnswer               // the endpoint's bytes are not an answer
	Cut                     // a body ended early
	Left                    // the client has gone
	Broken                  // a defect of Weir, or a policy that panicked
	Unavailable             // Weir itself is short of something
)

// Fault is why Weir answered instead of the endpoint, or cut a message. Faults are built once,
// here or by a policy at config time, and compared by pointer.
type Fault struct {
	Side Side
	Kind Kind
	// Name is the fault's word in the access log and in metrics.
	Name string
	// Status is the HTTP status of the answer.
	Status int
	// GRPC is the code of a gRPC answer (https://grpc.io/docs/guides/status-codes).
	GRPC int
	// ProxyStatus is the error of the Proxy-Status field (RFC 9209 §2.3); "" leaves it out.
	ProxyStatus string
	// Title and Detail are the problem body's (RFC 9457); they hold no inside facts.
	Title, Detail string
	// Retry says that another endpoint may be asked, whatever the method.
	Retry bool
	// Close says that the client's connection can't be used for another request.
	Close bool

	// Extra are whole header lines for the answer, each with its CRLF, such as Allow.
	Extra string
}

// Error makes a Fault an error, for logs.
func (f *Fault) Error() string { return f.Name + " (" + strconv.Itoa(f.Status) + ")" }

// The faults of the protocol. Each closes the connection, because what follows can't be trusted.
var (
	BadRequestLine   = bad("bad_request_line", "The request line is not valid.")
	BadTarget        = bad("bad_target", "The request target is not valid.")
	BadHost          = bad("bad_host", "The Host field is missing, repeated or not valid.")
	BadField         = bad("bad_field", "A header field is not valid.")
	BadLineEnding    = bad("bad_line_ending", "A line does not end in CR LF.")
	ObsFold          = bad("obs_fold", "Folded header lines are not accepted.")
	BadFraming       = bad("bad_framing", "The length of the request body is ambiguous.")
	BadContentLength = bad("bad_content_length", "The Content-Length is not valid.")
	BadChunk         = bad("bad_chunk", "The chunked coding of the body is not valid.")
	BadTrailer       = bad("bad_trailer", "The trailer section is not valid.")
	BadConnection    = bad("bad_connection", "The Connection field is not valid.")
	WithoutTLS       = bad("plain_on_tls", "The request came without TLS; ask with https instead.")
	BodyCut          = &Fault{Side: Client, Kind: Cut, Name: "request_cut", Status: 400, GRPC: 13, ProxyStatus: "http_request_error", Title: "Bad Request", Detail: "The request body ended early.", Close: true}
	AmbiguousPath    = bad("ambiguous_path", "The path could be read in more than one way.")
	AmbiguousHost    = bad("ambiguous_host", "The host could be read in more than one way.")

	UnknownCoding      = refused("unknown_transfer_coding", 501, 12, "Not Implemented", "The transfer coding is not known.", true)
	VersionUnsupported = refused("http_version", 505, 12, "HTTP Version Not Supported", "That version of HTTP is not spoken here.", true)
	UnknownExpectation = refused("expectation", 417, 9, "Expectation Failed", "Only 100-continue may be expected.", true)
	Misdirected        = refused("misdirected", 421, 5, "Misdirected Request", "This connection does not serve that host.", false)
	NoRoute            = refused("no_route", 404, 12, "Not Found", "No route matches this request.", false)
	LoopDetected       = &Fault{Side: Client, Kind: Refused, Name: "loop", Status: 508, GRPC: 9, ProxyStatus: "proxy_loop_detected", Title: "Loop Detected", Detail: "The request has passed here before."}
	BadContent         = &Fault{Side: Client, Kind: Refused, Name: "bad_content", Status: 400, GRPC: 3, ProxyStatus: "http_request_denied", Title: "Bad Request", Detail: "The request's content is not what its type says."}
	// CORSRefused answers the preflight of an origin that is not allowed (Fetch §3.3.3).
	CORSRefused   = &Fault{Side: Client, Kind: Refused, Name: "cors_refused", Status: 403, GRPC: 7, ProxyStatus: "http_request_denied", Title: "Forbidden", Detail: "Scripts of this origin may not ask here."}
	MethodRefused = &Fault{Side: Client, Kind: Refused, Name: "method_refused", Status: 405, GRPC: 12, ProxyStatus: "http_request_denied", Title: "Method Not Allowed", Detail: "This method is not served.", Close: true, Extra: "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"}

	HeadTooLarge   = limit("head_too_large", 431, 8, "Request Header Fields Too Large", "The header section is too large.")
	TargetTooLong  = limit("target_too_long", 414, 8, "URI Too Long", "The request target is too long.")
	BodyTooLarge   = limit("body_too_large", 413, 8, "Content Too Large", "The request body is too large.")
	RequestTimeout = &Fault{Side: Client, Kind: Timeout, Name: "request_timeout", Status: 408, GRPC: 4, ProxyStatus: "http_request_error", Title: "Request Timeout", Detail: "The request did not arrive in time.", Close: true}
	ClientLeft     = &Fault{Side: Client, Kind: Left, Name: "client_left", Status: 499, GRPC: 1, Title: "Client Closed Request", Close: true}
	// UpgradeRefused answers an extended CONNECT that nobody here can turn into a tunnel (RFC 9220 §3).
	UpgradeRefused = refused("upgrade_refused", 501, 12, "Not Implemented", "The protocol is not spoken here.", false)
	// TunnelIdle ends a tunnel in which no byte has passed for too long.
	TunnelIdle    = &Fault{Side: Client, Kind: Timeout, Name: "tunnel_idle", Status: 408, GRPC: 4, Title: "Request Timeout", Detail: "The tunnel was idle for too long.", Close: true}
	ClientStalled = &Fault{Side: Client, Kind: Timeout, Name: "client_stalled", Status: 499, GRPC: 1, Title: "Client Closed Request", Close: true}
)

// The faults of endpoints and of the way to them.
var (
	NoEndpoints = upstream("no_endpoint", NoEndpoint, 503, 14, "destination_unavailable", "Service Unavailable", "No endpoint is available.", false)
	Overloaded  = &Fault{Side: Upstream, Kind: NoEndpoint, Name: "overloaded", Status: 503, GRPC: 14, ProxyStatus: "connection_limit_reached", Title: "Service Unavailable", Detail: "Every endpoint has as much to do as it may.", Extra: "Retry-After: 1\r\n"}
	// BreakerOpen gets its Retry-After from whoever knows how long the breaker stays open.
	BreakerOpen    = &Fault{Side: Upstream, Kind: NoEndpoint, Name: "breaker_open", Status: 503, GRPC: 14, ProxyStatus: "destination_unavailable", Title: "Service Unavailable", Detail: "The endpoints are left alone, since too many requests failed."}
	ConnectRefused = upstream("connect_refused", Connect, 502, 14, "connection_refused", "Bad Gateway", "The endpoint refused the connection.", true)
	ConnectTimeout = upstream("connect_timeout", Connect, 504, 14, "connection_timeout", "Gateway Timeout", "The endpoint could not be reached in time.", true)
	ConnectFailed  = upstream("connect_failed", Connect, 502, 14, "destination_ip_unroutable", "Bad Gateway", "The endpoint could not be reached.", true)
	NameUnresolved = upstream("name_unresolved", Connect, 502, 14, "dns_error", "Bad Gateway", "The endpoint's name could not be resolved.", true)
	UpstreamTLS    = upstream("upstream_tls", Connect, 502, 14, "tls_protocol_error", "Bad Gateway", "The endpoint's TLS handshake failed.", true)
	UpstreamStale  = upstream("upstream_stale", Stale, 502, 14, "connection_terminated", "Bad Gateway", "The endpoint closed the connection.", false)
	UpstreamReset  = upstream("upstream_reset", Reset, 502, 14, "connection_terminated", "Bad Gateway", "The endpoint closed the connection.", false)
	// UpstreamRefused is a request that the endpoint has not begun to process, and says so (RFC 9113 §8.7).
	UpstreamRefused = upstream("upstream_refused", Stale, 502, 14, "connection_terminated", "Bad Gateway", "The endpoint refused the request.", true)
	// UpstreamCalm is a request that the endpoint ended because it is asked too much (ENHANCE_YOUR_CALM).
	UpstreamCalm = upstream("upstream_calm", NoEndpoint, 503, 8, "connection_limit_reached", "Service Unavailable", "The endpoint has as much to do as it may.", false)
	// UpstreamCancelled is a request that the endpoint has cancelled (RFC 9113 §7: CANCEL).
	UpstreamCancelled = upstream("upstream_cancelled", Reset, 502, 1, "connection_terminated", "Bad Gateway", "The endpoint cancelled the request.", false)
	UpstreamTimeout   = upstream("upstream_timeout", Timeout, 504, 4, "http_response_timeout", "Gateway Timeout", "The endpoint did not answer in time.", false)
	RouteTimeout      = upstream("route_timeout", Timeout, 504, 4, "http_response_timeout", "Gateway Timeout", "The answer did not come in time.", false)
	UpstreamCut       = upstream("upstream_cut", Cut, 502, 13, "http_response_incomplete", "Bad Gateway", "The endpoint's answer ended early.", false)
	UpstreamStalled   = upstream("upstream_stalled", Timeout, 504, 4, "http_response_timeout", "Gateway Timeout", "The endpoint stopped sending.", false)
	BadStatusLine     = badAnswer("upstream_bad_status_line")
	BadAnswerField    = badAnswer("upstream_bad_field")
	BadAnswerFrame    = badAnswer("upstream_bad_framing")
	BadAnswerChunk    = badAnswer("upstream_bad_chunk")
	UnaskedUpgrade    = upstream("upstream_unasked_101", BadAnswer, 502, 13, "http_upgrade_failed", "Bad Gateway", "The endpoint's answer was not valid.", false)
	// BadUpgrade is a change of protocol that the endpoint got wrong, or ignored where its answer would be taken for one.
	BadUpgrade = upstream("upstream_bad_upgrade", BadAnswer, 502, 13, "http_upgrade_failed", "Bad Gateway", "The endpoint did not change the protocol as it was asked to.", false)
	// NoUpgrade is that of an endpoint whose protocol does not carry tunnels (RFC 8441 §3).
	NoUpgrade      = upstream("upstream_no_upgrade", BadAnswer, 502, 12, "http_upgrade_failed", "Bad Gateway", "The endpoint does not take tunnels.", false)
	AnswerTooLarge = upstream("upstream_head_too_large", BadAnswer, 502, 13, "http_response_header_section_size", "Bad Gateway", "The endpoint's answer was not valid.", false)
)

// The faults of Weir itself.
var (
	Panicked     = &Fault{Side: Internal, Kind: Broken, Name: "panic", Status: 500, GRPC: 13, ProxyStatus: "proxy_internal_error", Title: "Internal Server Error", Detail: "The request could not be handled.", Close: true}
	HandlerError = &Fault{Side: Internal, Kind: Broken, Name: "handler", Status: 500, GRPC: 13, ProxyStatus: "proxy_internal_error", Title: "Internal Server Error", Detail: "The request could not be handled."}
	// Uncompressed is no more than a promise kept: encoders fail only if what they write to does.
	Uncompressed = &Fault{Side: Internal, Kind: Broken, Name: "compress", Status: 500, GRPC: 13, ProxyStatus: "proxy_internal_error", Title: "Internal Server Error", Detail: "The answer could not be compressed."}
	Exhausted    = &Fault{Side: Internal, Kind: Unavailable, Name: "exhausted", Status: 503, GRPC: 14, ProxyStatus: "proxy_internal_error", Title: "Service Unavailable", Detail: "The proxy is short of resources."}
	Stopping     = &Fault{Side: Internal, Kind: Unavailable, Name: "stopping", Status: 503, GRPC: 14, ProxyStatus: "proxy_internal_response", Title: "Service Unavailable", Detail: "The proxy is stopping.", Close: true}
)

func bad(name, detail string) *Fault {
	return &Fault{Side: Client, Kind: Malformed, Name: name, Status: 400, GRPC: 13, ProxyStatus: "http_request_error", Title: "Bad Request", Detail: detail, Close: true}
}

func refused(name string, status, grpc int, title, detail string, closes bool) *Fault {
	return &Fault{Side: Client, Kind: Refused, Name: name, Status: status, GRPC: grpc, ProxyStatus: "http_request_denied", Title: title, Detail: detail, Close: closes}
}

func limit(name string, status, grpc int, title, detail string) *Fault {
	return &Fault{Side: Client, Kind: Limit, Name: name, Status: status, GRPC: grpc, ProxyStatus: "http_request_denied", Title: title, Detail: detail, Close: true}
}

func upstream(name string, k Kind, status, grpc int, proxyStatus, title, detail string, retry bool) *Fault {
	return &Fault{Side: Upstream, Kind: k, Name: name, Status: status, GRPC: grpc, ProxyStatus: proxyStatus, Title: title, Detail: detail, Retry: retry}
}

func badAnswer(name string) *Fault {
	return upstream(name, BadAnswer, 502, 13, "http_protocol_error", "Bad Gateway", "The endpoint's answer was not valid.", false)
}
