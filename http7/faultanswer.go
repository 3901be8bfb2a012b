package http7

import (
	"strconv"
	"strings"
)

// FaultAnswer makes x's answer the one that f asks for: f's status, a problem body, Proxy-Status
// and f's extra fields. For HEAD the length stands and the Source is empty. The answer is valid
// until the hall releases x or FaultAnswer is called again. It allocates nothing in steady state.
func FaultAnswer(x *Exchange, f *Fault) {
	a := x.LocalAnswer(f.Status)
	x.Fault = f
	a.Header.Add(contentType, problemType)
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
	x.scratch = ProblemBody(x.scratch[:0], f, x.RequestID)
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
)

// AppendProxyStatus appends the value of the Proxy-Status field for f (RFC 9209 §2.3); nothing if
// f has no error of that registry.
func AppendProxyStatus(dst []byte, f *Fault) []byte {
	if f.ProxyStatus == "" {
		return dst
	}
	return append(append(dst, "weir; error="...), f.ProxyStatus...)
}

// ProblemBody appends the problem document of f (RFC 9457 §3, JSON) to dst: title, status, detail
// and two members of Weir's own, fault and, unless it is empty, request_id. The type is
// about:blank, which the RFC leaves out.
func ProblemBody(dst []byte, f *Fault, requestID []byte) []byte {
	dst = appendJSON(append(dst, `{"title":`...), f.Title)
	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(f.Status), 10)
	if f.Detail != "" {
		dst = appendJSON(append(dst, `,"detail":`...), f.Detail)
	}
	dst = appendJSON(append(dst, `,"fault":`...), f.Name)
	if len(requestID) > 0 {
		dst = appendJSON(append(dst, `,"request_id":`...), requestID)
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
