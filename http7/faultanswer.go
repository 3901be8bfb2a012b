package http7

import (
	"bytes"
	"strconv"
	"strings"
)

// FaultAnswer makes x's answer the one that f asks for: f's status, a problem body, Proxy-Status
// and f's extra fields. For HEAD the length stands and the Source is empty. A gRPC request is answered in its own
// words: status 200, no body, and f's code and detail as grpc-status and grpc-message
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Trailers-Only). The answer is valid
// until the hall releases x or FaultAnswer is called again. It allocates nothing in steady state.
func FaultAnswer(x *Exchange, f *Fault) {
	kind := x.GRPCWeb
	if kind == nil {
		kind = GRPCType(&x.Request)
	}
	status, shown := f.Status, problemType
	if kind != nil {
		status, shown = 200, kind
	}
	a := x.LocalAnswer(status)
	x.Fault = f
	a.Header.Add(contentType, shown)
	if kind != nil {
		x.scratch = strconv.AppendInt(x.scratch[:0], int64(f.GRPC), 10)
		a.Header.Add(grpcStatus, x.scratch)
		x.scratch = appendGRPCMessage(x.scratch[:0], f, x.Problem.Detail)
		a.Header.Add(grpcMessage, x.scratch)
	}
	x.scratch = AppendProxyStatus(x.scratch[:0], f)
	if len(x.scratch) > 0 {
		a.Header.Add(proxyStatus, x.scratch)
	}
	for rest := f.Extra; rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		x.scratch = append(append(x.scratch[:0], name...), strings.TrimSpace(value)...)
		a.Header.AddRaw(x.scratch[:len(name)], x.scratch[len(name):])
	}
	if kind != nil {
		a.Length = 0
		x.bytes.Reset(nil)
		a.Source = &x.bytes
		return
	}
	x.scratch = x.Problem.append(x.scratch[:0], f, x.RequestID)
	a.Length = int64(len(x.scratch))
	x.bytes.Reset(x.scratch)
	if string(x.Method) == "HEAD" {
		x.bytes.Reset(nil)
	}
	a.Source = &x.bytes
}

var (
	contentType = Known(ContentType)
	proxyStatus = Known(ProxyStatus)
	problemType = []byte("application/problem+json")
	grpcType    = []byte("application/grpc")

	grpcStatus, _  = NewName("grpc-status")
	grpcMessage, _ = NewName("grpc-message")
)

// FaultTrailer makes f the status of a gRPC call whose answer is under way: what its trailers would have said is gone. It
// reports false, and does nothing, if x is no such call; those of gRPC-Web have their trailers in the body.
func FaultTrailer(x *Exchange, f *Fault) bool {
	kind := GRPCType(&x.Request)
	if kind == nil || x.GRPCWeb != nil || x.Answer.Status != 200 || len(kind) > len(grpcType) && kind[len(grpcType)] != '+' {
		return false
	}
	t := &x.Answer.Trailer
	t.Reset(nil)
	x.scratch = strconv.AppendInt(x.scratch[:0], int64(f.GRPC), 10)
	t.Add(grpcStatus, x.scratch)
	x.scratch = appendGRPCMessage(x.scratch[:0], f, nil)
	t.Add(grpcMessage, x.scratch)
	return true
}

// GRPCType returns the media type of a request that is gRPC or gRPC-Web, as it was sent; nil for others.
func GRPCType(request *Header) []byte {
	if !request.Has(ContentType) {
		return nil
	}
	kind, _, _ := bytes.Cut(request.Get(ContentType), semicolon)
	kind = bytes.TrimRight(kind, " \t")
	n := len(grpcType)
	if len(kind) < n || !equalFold(kind[:n], string(grpcType)) {
		return nil
	}
	if rest := kind[n:]; len(rest) > 0 && rest[0] != '+' && !bytes.HasPrefix(rest, grpcWeb) {
		return nil
	}
	return kind
}

var grpcWeb = []byte("-web")

// appendGRPCMessage appends detail, or else f's, as the value of grpc-message: what is not visible ASCII, and "%", is
// escaped.
func appendGRPCMessage(dst []byte, f *Fault, detail []byte) []byte {
	switch {
	case len(detail) > 0:
		return escapeGRPC(dst, detail)
	case f.Detail != "":
		return escapeGRPC(dst, f.Detail)
	}
	return escapeGRPC(dst, f.Title)
}

func escapeGRPC[T []byte | string](dst []byte, text T) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '%' {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

// AppendProxyStatus appends the value of the Proxy-Status field for f (RFC 9209 §2.3); nothing if
// f has no error of that registry.
func AppendProxyStatus(dst []byte, f *Fault) []byte {
	if f.ProxyStatus == "" {
		return dst
	}
	return append(append(dst, "weir; error="...), f.ProxyStatus...)
}

// Problem is what a policy says of one request that it refuses, beyond what its fault says of all. Its bytes are valid
// until the hall releases the exchange.
type Problem struct {
	// Detail stands in place of the fault's; empty: the fault's stands.
	Detail []byte
	// Members are further members of the document as JSON, without the comma that parts them from the others:
	// `"errors":[…]` (RFC 9457 §3.2). They must tell no inside facts.
	Members []byte
}

// ProblemBody appends the problem document of f (RFC 9457 §3, JSON) to dst: title, status, detail
// and two members of Weir's own, fault and, unless it is empty, request_id. The type is
// about:blank, which the RFC leaves out.
func ProblemBody(dst []byte, f *Fault, requestID []byte) []byte {
	return Problem{}.append(dst, f, requestID)
}

func (p Problem) append(dst []byte, f *Fault, requestID []byte) []byte {
	dst = appendJSON(append(dst, `{"title":`...), f.Title)
	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(f.Status), 10)
	if len(p.Detail) > 0 {
		dst = appendJSON(append(dst, `,"detail":`...), p.Detail)
	} else if f.Detail != "" {
		dst = appendJSON(append(dst, `,"detail":`...), f.Detail)
	}
	dst = appendJSON(append(dst, `,"fault":`...), f.Name)
	if len(requestID) > 0 {
		dst = appendJSON(append(dst, `,"request_id":`...), requestID)
	}
	if len(p.Members) > 0 {
		dst = append(append(dst, ','), p.Members...)
	}
	return append(dst, "}\n"...)
}

// appendJSON appends s as a JSON string (RFC 8259 §7). Bytes outside ASCII are written as the code
// points of Latin-1, so that any input gives valid JSON.
func appendJSON[T []byte | string](dst []byte, s T) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c >= 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"
