package compress

import (
	"strings"

	"weir/http7"
)

// pattern is one entry of types: a media type, or one with a wildcard on either side.
type pattern struct{ prefix, suffix string }

// parsePattern reads "a/b", "a/*", "*+b", "*/b", "*/*" and "*". exact is false if it has a wildcard.
func parsePattern(s string) (p pattern, exact, ok bool) {
	s = strings.ToLower(s)
	prefix, suffix, wild := strings.Cut(s, "*")
	if !wild {
		kind, sub, slash := strings.Cut(s, "/")
		return pattern{prefix: s}, true, slash && token(kind) && token(sub)
	}
	switch {
	case s == "*" || s == "*/*":
		return pattern{}, false, true
	case suffix == "":
		kind, found := strings.CutSuffix(prefix, "/")
		return pattern{prefix: prefix}, false, found && token(kind)
	case prefix == "":
		return pattern{suffix: suffix}, false, (suffix[0] == '+' || suffix[0] == '/') && token(suffix[1:])
	}
	return pattern{}, false, false
}

func token(s string) bool { return http7.IsToken([]byte(s)) && !strings.Contains(s, "*") }

// matcher says which media types are compressed.
type matcher struct {
	exact []string
	wild  []pattern
}

func (m *matcher) add(entry string) bool {
	p, exact, ok := parsePattern(entry)
	switch {
	case !ok || exact && packed(p.prefix):
		return false
	case exact:
		m.exact = append(m.exact, p.prefix)
	default:
		m.wild = append(m.wild, p)
	}
	return true
}

// takes reports whether the media type of a Content-Type field is compressed.
func (m *matcher) takes(contentType []byte) bool {
	var lower [maxType]byte
	media := mediaType(lower[:0], contentType)
	if len(media) == 0 {
		return false
	}
	for _, t := range m.exact {
		if string(media) == t {
			return true
		}
	}
	for _, p := range m.wild {
		if len(media) >= len(p.prefix)+len(p.suffix) && string(media[:len(p.prefix)]) == p.prefix &&
			string(media[len(media)-len(p.suffix):]) == p.suffix {
			return !packed(string(media))
		}
	}
	return false
}

// maxType bounds the media types that are known: the registry's longest have some 90 bytes.
const maxType = 128

// mediaType appends the type and subtype of a Content-Type field in lower case, nothing if they are
// too long.
func mediaType(dst, field []byte) []byte {
	for i, c := range field {
		if c == ';' || c == ' ' || c == '\t' || c == ',' {
			break
		}
		if i == cap(dst) {
			return dst[:0]
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// packed reports whether bodies of a media type are compressed by themselves, so that another
// compression costs and gains nothing, or have framing of their own that asks for it (gRPC).
func packed(media string) bool {
	kind, sub, _ := strings.Cut(media, "/")
	switch kind {
	case "video", "audio":
		return true
	case "image":
		switch sub {
		case "svg+xml", "bmp", "x-ms-bmp", "x-icon", "vnd.microsoft.icon":
			return false
		}
		return true
	case "font":
		return sub == "woff" || sub == "woff2"
	case "application":
		return packedApplication(sub)
	}
	return false
}

func packedApplication(sub string) bool {
	switch sub {
	case "zip", "gzip", "x-gzip", "zstd", "zlib", "x-bzip", "x-bzip2", "x-xz", "x-7z-compressed", "vnd.rar",
		"x-rar-compressed", "java-archive", "pdf", "font-woff", "x-font-woff", "x-compress", "x-lzma",
		"vnd.android.package-archive", "x-debian-package", "x-rpm":
		return true
	}
	return strings.HasPrefix(sub, "grpc") || strings.HasSuffix(sub, "+zip") || strings.HasSuffix(sub, "+gzip") ||
		strings.HasSuffix(sub, "+zstd") || strings.HasPrefix(sub, "vnd.openxmlformats-officedocument")
}
