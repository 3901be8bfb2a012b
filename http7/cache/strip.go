package cache

import "weir/http7"

// misleading are fields by which endpoints may answer something else than the key says: another URL, another method,
// another host to build links with. On a fill they don't go out, so that no client chooses for others what is stored.
// README.md lists them.
var misleading = names(
	"X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Original-Path", "X-Original-Host", "X-Envoy-Original-Path",
	"X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-Original-Method",
	"X-Host", "X-HTTP-Host-Override", "X-Forwarded-Server", "X-Forwarded-Host-Override", "X-Backend-Host", "X-HTTP-DestinationURL",
	"X-Forwarded-Prefix", "X-Forwarded-Path", "X-Forwarded-URI", "X-Forwarded-Method", "X-Forwarded-Scheme", "X-Forwarded-Protocol",
	"X-Forwarded-Ssl", "X-Url-Scheme", "Front-End-Https", "X-Script-Name", "X-Base-Path", "Base-Url", "Request-Uri",
)

// told are fields in which trusted proxies speak of the URL. The engine says the same anew, from what is in the key.
var told = http7.Names(http7.Forwarded, http7.XForwardedHost, http7.XForwardedPort)

func names(all ...string) map[string]bool {
	m := make(map[string]bool, len(all))
	for _, text := range all {
		m[lowered(nil, []byte(text))] = true
	}
	return m
}

// lowered returns name in lower case, using room for it.
func lowered(room, name []byte) string {
	room = room[:0]
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		room = append(room, c)
	}
	return string(room)
}

// longestMisleading is about the longest of the names.
const longestMisleading = 32

// strip removes from x's request what might mislead the endpoint, unless it is part of the key.
func (p *policy) strip(x *http7.Exchange) {
	h := &x.Request
	if h.HasAny(told) {
		h.DelID(http7.Forwarded)
		h.DelID(http7.XForwardedHost)
		h.DelID(http7.XForwardedPort)
	}
	if h.Has(http7.XForwardedProto) {
		h.Set(http7.Known(http7.XForwardedProto), schemeOf(x.Secure))
	}
	for i := h.Len() - 1; i >= 0; i-- {
		if h.IDAt(i) != http7.Unlisted {
			continue
		}
		if name, _ := h.At(i); misleads(name) && !p.key.has(name) {
			h.DelAt(i)
		}
	}
}

// misleads reports whether a field is one of the misleading ones.
func misleads(name []byte) bool {
	if len(name) > longestMisleading {
		return false
	}
	var room [longestMisleading]byte
	for i, c := range name {
		switch {
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		case c == '_':
			c = '-' // many servers take them for the same
		}
		room[i] = c
	}
	return misleading[string(room[:len(name)])]
}

var secureScheme, plainScheme = []byte("https"), []byte("http")

func schemeOf(secure bool) []byte {
	if secure {
		return secureScheme
	}
	return plainScheme
}
