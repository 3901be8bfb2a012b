package admin

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"mime"
	"net"
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"

	"weir/internal/conf"
)

// guard returns why a call is refused, or nil.
func (s *Server) guard(c *call, r *fasthttp.RequestCtx) *problem {
	h := &r.Request.Header
	switch {
	case !hostAllowed(s.address, string(h.Host())):
		return &problem{Status: fasthttp.StatusForbidden, Detail: "the Host is neither the admin address nor localhost; ask by IP address"}
	case !c.open && !s.tokenFits(h.Peek(fasthttp.HeaderAuthorization)):
		r.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, "Bearer")
		return &problem{Status: fasthttp.StatusUnauthorized, Detail: "send the admin token: Authorization: Bearer …"}
	case !c.changes:
		return nil
	case !sameOrigin(h.PeekAll(fasthttp.HeaderOrigin), string(h.Host())):
		return &problem{Status: fasthttp.StatusForbidden, Detail: "a page of another origin can't make this call"}
	case !isJSON(string(h.ContentType())):
		return &problem{Status: fasthttp.StatusUnsupportedMediaType, Detail: "send Content-Type: application/json, with or without a body"}
	}
	return nil
}

// hostAllowed says whether a Host names this server by what no foreign DNS record can point here:
// localhost, a loopback address, the address that the config binds, or any address if it binds
// all. The port does not matter: it may have been forwarded. Browsers reach no sockets, so there
// every Host is right.
func hostAllowed(a conf.Address, host string) bool {
	if a.IsUnix() {
		return true
	}
	host = strings.ToLower(hostOnly(host))
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	ip = ip.Unmap()
	bound := a.IP()
	return ip.IsLoopback() || ip == bound.Unmap() || !bound.IsValid() || bound.IsUnspecified()
}

// hostOnly cuts the port and the brackets off a Host.
func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		return strings.TrimSuffix(inner, "]")
	}
	return host
}

// tokenFits compares in a time that tells nothing about the token, its length included.
func (s *Server) tokenFits(authorization []byte) bool {
	if s.token == nil {
		return true
	}
	scheme, token, _ := bytes.Cut(authorization, []byte(" "))
	if !bytes.EqualFold(scheme, []byte("Bearer")) {
		return false
	}
	sum := sha256.Sum256(bytes.TrimSpace(token))
	return subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
}

// sameOrigin says whether a call comes from no page at all, or from one of this server's own.
func sameOrigin(origins [][]byte, host string) bool {
	switch len(origins) {
	case 0:
		return true
	case 1:
		return strings.EqualFold(string(origins[0]), "http://"+host)
	}
	return false
}

// isJSON says whether a Content-Type is application/json. A page of another origin can't send
// that without asking first by a preflight, which is not answered here (Fetch §3.2).
func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "application/json"
}
