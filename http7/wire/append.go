package wire

import (
	"math/bits"
	"strconv"

	"weir/http7"
)

// AppendRequestLine appends the request line of an HTTP/1.1 request. The caller vouches for the
// method and the target.
func AppendRequestLine(dst, method, target []byte) []byte {
	dst = append(append(dst, method...), ' ')
	dst = append(dst, target...)
	return append(dst, " HTTP/1.1\r\n"...)
}

// AppendStatusLine appends the status line of an HTTP/1.1 answer. An empty reason means the
// status's usual one; the space before it is always there (RFC 9112 §4).
func AppendStatusLine(dst []byte, status int, reason []byte) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(strconv.AppendInt(dst, int64(status), 10), ' ')
	if len(reason) > 0 {
		dst = append(dst, reason...)
	} else {
		dst = append(dst, Reason(status)...)
	}
	return append(dst, '\r', '\n')
}

// Reason returns the usual reason phrase of a status, "" if it has none.
func Reason(status int) string {
	if status < 0 || status >= len(reasons) {
		return ""
	}
	return reasons[status]
}

// AppendChunk appends data as one chunk. Without data it appends nothing: an empty chunk would be
// the last one.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = append(AppendChunkHead(dst, len(data)), data...)
	return append(dst, '\r', '\n')
}

// AppendChunkHead appends the first line of a chunk of n bytes; behind these goes a CRLF. For n < 1
// it appends nothing.
func AppendChunkHead(dst []byte, n int) []byte {
	if n < 1 {
		return dst
	}
	const digits = "0123456789abcdef"
	for shift := (bits.Len(uint(n)) - 1) &^ 3; shift >= 0; shift -= 4 {
		dst = append(dst, digits[n>>shift&15])
	}
	return append(dst, '\r', '\n')
}

// AppendLastChunk appends the end of a chunked body with its trailer fields; trailer may be nil.
func AppendLastChunk(dst []byte, trailer *http7.Header) []byte {
	dst = append(dst, "0\r\n"...)
	if trailer != nil {
		dst = trailer.AppendLines(dst, 0)
	}
	return append(dst, '\r', '\n')
}

// reasons are the phrases of the IANA registry of status codes.
var reasons = [...]string{
	100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints",
	200: "OK", 201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content",
	205: "Reset Content", 206: "Partial Content", 207: "Multi-Status", 208: "Already Reported", 226: "IM Used",
	300: "Multiple Choices", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
	305: "Use Proxy", 307: "Temporary Redirect", 308: "Permanent Redirect",
	400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
	405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout",
	409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large",
	414: "URI Too Long", 415: "Unsupported Media Type", 416: "Range Not Satisfiable", 417: "Expectation Failed",
	421: "Misdirected Request", 422: "Unprocessable Content", 423: "Locked", 424: "Failed Dependency",
	425: "Too Early", 426: "Upgrade Required", 428: "Precondition Required", 429: "Too Many Requests",
	431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons",
	499: "Client Closed Request",
	500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
	504: "Gateway Timeout", 505: "HTTP Version Not Supported", 506: "Variant Also Negotiates",
	507: "Insufficient Storage", 508: "Loop Detected", 511: "Network Authentication Required",
}
