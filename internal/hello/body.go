package hello

import (
	"encoding/binary"
	"strings"
)

// view is what is left of a message. Reading past its end makes it bad and yields nothing.
type view struct {
	b   []byte
	bad bool
}

func (v *view) skip(n int) []byte {
	if v.bad || n > len(v.b) {
		v.b, v.bad = nil, true
		return nil
	}
	head := v.b[:n]
	v.b = v.b[n:]
	return head
}

// vector reads a length of size bytes (1 or 2) and as many bytes as it says.
func (v *view) vector(size int) view {
	n := 0
	for _, b := range v.skip(size) {
		n = n<<8 | int(b)
	}
	return view{b: v.skip(n), bad: v.bad}
}

func (v *view) uint16() int {
	if b := v.skip(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return -1
}

// parse reads the body of a ClientHello: version, random, session, suites, compressions, extensions.
func parse(message []byte) (h Hello, ok bool) {
	v := view{b: message}
	v.skip(2 + 32)
	v.vector(1)
	v.vector(2)
	v.vector(1)
	if v.bad || len(v.b) == 0 { // there need be no extensions
		return h, !v.bad
	}
	all := v.vector(2)
	if v.bad || len(v.b) > 0 {
		return Hello{}, false
	}
	return extensions(all)
}

// extensions reads those that matter. One of a type must not come twice (RFC 8446 §4.2), lest two
// readers believe different ones.
func extensions(all view) (h Hello, ok bool) {
	var name, alpn bool
	for len(all.b) > 0 {
		kind, body := all.uint16(), all.vector(2)
		ok := !all.bad
		switch {
		case !ok:
		case kind == extServerName:
			h.ServerName, ok = serverName(body)
			ok, name = ok && !name, true
		case kind == extALPN:
			h.ALPN, ok = protocols(body)
			ok, alpn = ok && !alpn, true
		}
		if !ok {
			return Hello{}, false
		}
	}
	return h, true
}

// serverName reads the one host name of the extension, which may hold other kinds of names.
func serverName(body view) (host string, ok bool) {
	names := body.vector(2)
	if body.bad || len(body.b) > 0 || len(names.b) == 0 {
		return "", false
	}
	for len(names.b) > 0 {
		kind, name := names.skip(1), names.vector(2)
		if names.bad || len(name.b) == 0 {
			return "", false
		}
		if kind[0] != 0 {
			continue
		}
		if host != "" || !hostName(name.b) {
			return "", false
		}
		host = strings.ToLower(string(name.b))
	}
	return host, true
}

// hostName reports whether b can be a host: visible ASCII, without a dot at its end (RFC 6066 §3).
func hostName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(b) <= 255 && b[len(b)-1] != '.'
}

func protocols(body view) (all []string, ok bool) {
	list := body.vector(2)
	if body.bad || len(body.b) > 0 || len(list.b) == 0 {
		return nil, false
	}
	for len(list.b) > 0 {
		p := list.vector(1)
		if list.bad || len(p.b) == 0 {
			return nil, false
		}
		all = append(all, string(p.b))
	}
	return all, true
}
