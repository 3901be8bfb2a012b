// Package proxyproto reads and writes the headers of the PROXY protocol, versions 1 and 2
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, called "the specification" here).
//
// tcp4 parses what connections begin with and writes headers to endpoints; http7/forward writes
// them too. The package knows bytes: no socket, no trust, no time.
//
// It is our own codec, not github.com/pires/go-proxyproto: that reads from a bufio.Reader, so that
// it can't be asked about bytes which were only peeked at, and it takes what the specification does
// not allow (line ends, ports and addresses of version 1 as Go's parsers like them, checksums that
// nobody looks at).
package proxyproto

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
)

// MaxHeader is the longest header that Parse takes. Version 2 could announce 64 KiB; what senders
// send, client certificates aside, stays below 1 KiB.
const MaxHeader = 4 << 10

// The errors of Parse. ErrMore is no verdict: the bytes are the beginning of a header, or could be.
var (
	ErrMore      = errors.New("proxyproto: more bytes are needed")
	ErrNone      = errors.New("proxyproto: no header")
	ErrMalformed = errors.New("proxyproto: malformed header")
	ErrTooLong   = errors.New("proxyproto: header over the limit")
	ErrChecksum  = errors.New("proxyproto: checksum does not match")
)

// Header is what a header says about a connection.
type Header struct {
	// Version is 1 or 2.
	Version int
	// Source and Destination are the client's address and the one that it connected to. They are
	// invalid where the header names none: LOCAL (the sender's own connection, a health check), an
	// unknown protocol, or unix sockets.
	Source, Destination netip.AddrPort
	// SourcePath and DestinationPath are those of a unix socket; Unix says that it is one, as both
	// paths may be empty.
	SourcePath, DestinationPath string
	Unix                        bool
	// Authority is the host that the client asked for (SNI), ALPN the protocol that it and the
	// sender agreed on. Empty if the header does not say.
	Authority, ALPN string
	// TLS is about the client's connection to the sender; nil if the header does not say.
	TLS *TLS
	// UniqueID is what the sender calls the connection, at most 128 bytes; nil if it does not say.
	UniqueID []byte
}

// TLS is what a header of version 2 says about the client's TLS connection (PP2_TYPE_SSL).
type TLS struct {
	// Version and Cipher are names as the sender's library writes them: "TLSv1.3",
	// "TLS_AES_128_GCM_SHA256".
	Version, Cipher string
	// ClientCert says that the client has shown a certificate on this connection, InSession that it
	// has on some connection of the same session, be it this one; Verified that the sender has
	// verified it.
	ClientCert, InSession, Verified bool
	// CommonName is that of the client's certificate.
	CommonName string
}

// Local reports whether the header names no addresses, so that those of the connection hold.
func (h *Header) Local() bool { return !h.Source.IsValid() && !h.Unix }

// Addrs returns the addresses as net has them; nil, nil if h is Local.
func (h *Header) Addrs() (source, destination net.Addr) {
	switch {
	case h.Unix:
		return &net.UnixAddr{Net: "unix", Name: h.SourcePath}, &net.UnixAddr{Net: "unix", Name: h.DestinationPath}
	case h.Source.IsValid():
		return net.TCPAddrFromAddrPort(h.Source), net.TCPAddrFromAddrPort(h.Destination)
	}
	return nil, nil
}

// Set takes the addresses of a connection as net has them; whatever is neither TCP nor unix leaves
// h without.
func (h *Header) Set(source, destination net.Addr) {
	switch s := source.(type) {
	case *net.TCPAddr:
		if d, ok := destination.(*net.TCPAddr); ok {
			h.Source, h.Destination = plain(s.AddrPort()), plain(d.AddrPort())
		}
	case *net.UnixAddr:
		if d, ok := destination.(*net.UnixAddr); ok {
			h.Unix, h.SourcePath, h.DestinationPath = true, s.Name, d.Name
		}
	}
}

// plain writes IPv4 in its own form, without a zone.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

const signature1 = "PROXY "

var signature2 = []byte("\r\n\r\n\x00\r\nQUIT\n")

// Begins reports whether b begins with a header's signature, or could if more came: ErrMore; nil
// says that it does, ErrNone that it does not.
func Begins(b []byte) error {
	for _, signature := range [][]byte{[]byte(signature1), signature2} {
		n := min(len(b), len(signature))
		if !bytes.Equal(b[:n], signature[:n]) {
			continue
		}
		if n == len(signature) {
			return nil
		}
		return ErrMore
	}
	return ErrNone
}

// Parse reads the header that b begins with and returns its length n. With ErrMore, n is how long b
// must be at least before another call can say more; with other errors it is 0. The Header refers to
// nothing in b.
func Parse(b []byte) (h Header, n int, err error) {
	if err := Begins(b); err == ErrMore {
		return Header{}, len(b) + 1, err
	} else if err != nil {
		return Header{}, 0, err
	}
	if b[0] == 'P' {
		return parse1(b)
	}
	return parse2(b)
}
