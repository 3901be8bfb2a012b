package proxyproto

import "encoding/binary"

// Append writes h to dst as a header of the given version, 1 or 2, whatever h.Version says. A header
// without IP addresses is written as UNKNOWN in version 1 and as LOCAL in version 2, without what it
// says besides: HAProxy resets connections whose header is PROXY with the family unspecified or unix.
// Version 1 carries addresses alone. Texts that do not fit are left out rather than cut.
func Append(dst []byte, version int, h *Header) []byte {
	switch {
	case version == 1:
		return append1(dst, h)
	case h.Unix || !h.Source.IsValid() || !h.Destination.IsValid():
		return AppendLocal(dst, version)
	}
	begin := len(dst)
	dst = append(dst, signature2...)
	dst = append(dst, proxied, 0, 0, 0)
	kind, dst := appendAddresses(dst, h)
	dst = appendValues(dst, h)
	dst[begin+13] = kind
	binary.BigEndian.PutUint16(dst[begin+14:], uint16(len(dst)-begin-headLen))
	return dst
}

// AppendLocal writes the header of version 1 or 2 for a connection of the sender's own, such as a
// health check.
func AppendLocal(dst []byte, version int) []byte {
	if version == 1 {
		return append1(dst, &Header{})
	}
	return append(append(dst, signature2...), local, 0, 0, 0)
}

// appendAddresses returns the byte of the family with dst.
func appendAddresses(dst []byte, h *Header) (byte, []byte) {
	source, destination, four := family(h)
	kind := byte(inet6)
	if four {
		kind = inet
	}
	dst = append(dst, source.AsSlice()...)
	dst = append(dst, destination.AsSlice()...)
	dst = binary.BigEndian.AppendUint16(dst, h.Source.Port())
	return kind<<4 | stream, binary.BigEndian.AppendUint16(dst, h.Destination.Port())
}

func appendValues(dst []byte, h *Header) []byte {
	dst = appendText(dst, typeALPN, h.ALPN)
	dst = appendText(dst, typeHost, h.Authority)
	if n := len(h.UniqueID); n > 0 && n <= maxID {
		dst = append(append(dst, typeID, 0, byte(n)), h.UniqueID...)
	}
	if h.TLS != nil {
		dst = appendTLS(dst, h.TLS)
	}
	return dst
}

// maxText bounds each text, so that the header stays within MaxHeader.
const maxText = 512

func appendText(dst []byte, kind byte, text string) []byte {
	if text == "" || len(text) > maxText {
		return dst
	}
	dst = append(dst, kind)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(text)))
	return append(dst, text...)
}

func appendTLS(dst []byte, t *TLS) []byte {
	begin := len(dst)
	client, verify := byte(clientTLS), uint32(1) // not verified: there may have been nothing to verify
	if t.ClientCert {
		client |= clientCert
	}
	if t.InSession {
		client |= clientSess
	}
	if t.Verified {
		verify = 0
	}
	dst = append(dst, typeTLS, 0, 0, client)
	dst = binary.BigEndian.AppendUint32(dst, verify)
	dst = appendText(dst, subVersion, t.Version)
	dst = appendText(dst, subCN, t.CommonName)
	dst = appendText(dst, subCipher, t.Cipher)
	binary.BigEndian.PutUint16(dst[begin+1:], uint16(len(dst)-begin-3))
	return dst
}
