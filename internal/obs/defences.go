package obs

// Defence describes one kind that [ListenerSeries.Defended] counts; docs/metrics.md is written from [Defences].
type Defence struct {
	Kind string
	Help string // what the client did, and what bounds it
}

// Defences lists every kind.
func Defences() []Defence {
	return []Defence{
		{"rapid_reset", "Requests taken back as soon as they were sent, or sent so that Weir must reset them: the connection is ended beyond 200 more than half of its requests, and 33 a second."},
		{"continuation_flood", "An HTTP/2 header block of more than 64 frames or 64 KiB, or over the limits in many: the connection is ended."},
		{"control_flood", "HTTP/2 frames that ask for nothing but answers (PING, SETTINGS, PRIORITY, small WINDOW_UPDATEs), or HTTP/3 streams that are no requests: the connection is ended."},
		{"empty_data_flood", "HTTP/2 DATA frames that carry nothing: the connection is ended beyond 100, and 10 a second."},
		{"too_many_streams", "More requests at once than `limits.h2_streams`: those beyond are refused."},
		{"header_bomb", "A head that is small on the wire and exceeds `limits.header_bytes` or `limits.header_count` by far when it is decoded: 431."},
		{"slow_header", "A head, or the beginning of an HTTP/2 connection, that did not come whole within `limits.header_timeout`."},
		{"slow_body", "A body that came slower than `limits.min_body_rate`: 408."},
		{"write_stall", "A connection whose client has taken no byte for `limits.write_stall`."},
		{"window_stall", "A stream of HTTP/2 or HTTP/3 whose client has opened no window for it for `limits.write_stall`."},
		{"slow_handshake", "A TLS or QUIC handshake that took longer than `tls.handshake_timeout`."},
		{"handshake_flood", "A client address, of IPv6 a /64, with more than `tls.handshakes_per_client` handshakes under way: further connections are closed."},
		{"slow_hello", "A ClientHello that did not come whole in time on a listener with `passthrough`."},
		{"hello", "A connection to a listener with `passthrough` that began with no ClientHello, or with one that was cut or over 32 KiB."},
		{"tls_on_plain", "A ClientHello on a port without TLS: an alert."},
		{"proxy_header", "A PROXY header that a trusted source did not send, cut short or got wrong."},
		{"slow_proxy_header", "A PROXY header that a trusted source did not send in time."},
		{"proxy_stranger", "A PROXY header from somebody who is not in `accept_proxy_protocol`."},
	}
}
