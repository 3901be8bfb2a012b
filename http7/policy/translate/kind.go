package translate

import (
	"bytes"

	"weir/http7"
)

// kind is a media type of gRPC-Web: application/grpc-web, with -text for base64, and with the suffix that names the
// messages' own coding.
type kind struct {
	text   bool
	suffix []byte // "+proto"; empty is the same
}

const (
	grpcType = "application/grpc"
	webType  = "application/grpc-web"
	textType = "application/grpc-web-text"
)

// kindOf returns the kind of x's call, if it is one: gRPC-Web is asked by POST.
func kindOf(x *http7.Exchange) (kind, bool) {
	if !x.Request.Has(http7.ContentType) || string(x.Method) != "POST" {
		return kind{}, false
	}
	return parseKind(x.Request.Get(http7.ContentType))
}

// parseKind reads a Content-Type. Its parameters say nothing about gRPC-Web.
func parseKind(v []byte) (k kind, ok bool) {
	if k.suffix, ok = after(v, textType); ok {
		k.text = true
		return k, true
	}
	k.suffix, ok = after(v, webType)
	return k, ok
}

// grpcSuffix returns the suffix of a Content-Type that is gRPC's own.
func grpcSuffix(v []byte) (suffix []byte, ok bool) { return after(v, grpcType) }

// after returns what follows a media type in v up to its parameters: nothing, or a suffix with its "+".
func after(v []byte, media string) (suffix []byte, ok bool) {
	v, _, _ = bytes.Cut(v, semicolon)
	v = bytes.TrimRight(v, " \t")
	if len(v) < len(media) || !http7.EqualFold(v[:len(media)], media) {
		return nil, false
	}
	suffix = v[len(media):]
	return suffix, len(suffix) == 0 || suffix[0] == '+'
}

var semicolon = []byte(";")

// answer returns the kind that the client of a call takes: the first of gRPC-Web that its Accept names, else k's
// own.
func (k kind) answer(request *http7.Header) kind {
	for list := range request.Each(accept) {
		for len(list) > 0 {
			var media []byte
			media, list, _ = bytes.Cut(list, comma)
			if asked, ok := parseKind(bytes.TrimLeft(media, " \t")); ok {
				k.text = asked.text
				return k
			}
		}
	}
	return k
}

var comma = []byte(",")

// media returns k as a Content-Type, in x's room.
func (k kind) media(x *http7.Exchange) []byte {
	name := webType
	if k.text {
		name = textType
	}
	return append(append(x.Room(len(name)+len(k.suffix)), name...), k.suffix...)
}

// dress makes the head of x's request gRPC's own. A browser leaves no script its User-Agent, so that of the
// gRPC-Web library comes in X-User-Agent; it takes its place.
func (k kind) dress(x *http7.Exchange) {
	h := &x.Request
	h.Set(contentType, append(append(x.Room(len(grpcType)+len(k.suffix)), grpcType...), k.suffix...))
	if v, ok := h.First(xUserAgent); ok {
		h.Set(userAgent, append(x.Room(len(v)), v...))
		h.Del(xUserAgent)
	}
	h.Del(xGRPCWeb)
	h.DelID(http7.Accept)
}

var (
	contentType = http7.Known(http7.ContentType)
	accept      = http7.Known(http7.Accept)
	userAgent   = http7.Known(http7.UserAgent)
	xUserAgent  = name("X-User-Agent")
	xGRPCWeb    = name("X-Grpc-Web")
)

func name(text string) http7.Name {
	n, _ := http7.NewName(text)
	return n
}
