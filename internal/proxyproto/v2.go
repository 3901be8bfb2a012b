package proxyproto

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// Numbers of version 2 (specification, 2.2).
const (
	headLen  = 16 // signature, version and command, family, length
	pathLen  = 108
	local    = 0x20
	proxied  = 0x21
	inet     = 0x1
	inet6    = 0x2
	unix     = 0x3
	stream   = 0x1
	datagram = 0x2
	typeALPN = 0x01
	typeHost = 0x02
	typeCRC  = 0x03
	typeID   = 0x05
	typeTLS  = 0x20

	subVersion = 0x21
	subCN      = 0x22
	subCipher  = 0x23

	clientTLS  = 0x01
	clientCert = 0x02
	clientSess = 0x04

	maxID = 128
)

// addressLens are the lengths of the two addresses, by family.
var addressLens = [4]int{inet: 12, inet6: 36, unix: 2 * pathLen}

func parse2(b []byte) (Header, int, error) {
	if len(b) < headLen {
		return Header{}, headLen, ErrMore
	}
	end := headLen + int(binary.BigEndian.Uint16(b[14:]))
	switch {
	case b[12] != local && (b[12] != proxied || !carried(b[13])):
		return Header{}, 0, ErrMalformed
	case end > MaxHeader:
		return Header{}, 0, ErrTooLong
	case len(b) < end:
		return Header{}, end, ErrMore
	}
	h := Header{Version: 2}
	if b[12] == local { // the rest is to be discarded
		return h, end, nil
	}
	fam, rest := b[13]>>4, b[headLen:end]
	if len(rest) < addressLens[fam] {
		return Header{}, 0, ErrMalformed
	}
	if b[13]&0xf == stream { // a datagram's addresses don't belong to this connection
		h.addresses(fam, rest)
	}
	if err := h.values(b[:end], headLen+addressLens[fam]); err != nil {
		return Header{}, 0, err
	}
	return h, end, nil
}

// carried reports whether b is one of the bytes for family and protocol that the specification allows.
func carried(b byte) bool {
	fam, proto := b>>4, b&0xf
	return b == 0 || fam >= inet && fam <= unix && (proto == stream || proto == datagram)
}

// addresses reads those of family fam; unspecified ones are ignored.
func (h *Header) addresses(fam byte, b []byte) {
	switch fam {
	case inet:
		h.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), binary.BigEndian.Uint16(b[8:]))
		h.Destination = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:])), binary.BigEndian.Uint16(b[10:]))
	case inet6:
		h.Source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)).Unmap(), binary.BigEndian.Uint16(b[32:]))
		h.Destination = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[16:])).Unmap(), binary.BigEndian.Uint16(b[34:]))
	case unix:
		h.Unix, h.SourcePath, h.DestinationPath = true, path(b[:pathLen]), path(b[pathLen:2*pathLen])
	}
}

// path reads a path that zeros fill up; one of an abstract socket begins with a zero, as "@".
func path(b []byte) string {
	if len(bytes.Trim(b, "\x00")) == 0 {
		return ""
	}
	if b[0] == 0 {
		return "@" + string(bytes.TrimRight(b[1:], "\x00"))
	}
	before, _, _ := bytes.Cut(b, []byte{0})
	return string(before)
}

// next splits the first value off b; ok is false if it is cut.
func next(b []byte) (kind byte, value, rest []byte, ok bool) {
	if len(b) < 3 {
		return 0, nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	if len(b)-3 < n {
		return 0, nil, nil, false
	}
	return b[0], b[3 : 3+n], b[3+n:], true
}

// values reads the type-length-value fields of the whole header b, from at on. One that we know must
// not come twice, lest two readers believe different ones.
func (h *Header) values(b []byte, at int) error {
	var seen [256]bool
	for rest := b[at:]; len(rest) > 0; {
		kind, value, behind, ok := next(rest)
		if !ok {
			return ErrMalformed
		}
		if again := seen[kind]; again && known(kind) {
			return ErrMalformed
		}
		var err error
		if kind == typeCRC {
			err = checksum(b, len(b)-len(rest)+3, len(value))
		} else {
			err = h.value(kind, value)
		}
		if err != nil {
			return err
		}
		seen[kind], rest = true, behind
	}
	return nil
}

// known reports whether we read values of this kind.
func known(kind byte) bool {
	switch kind {
	case typeALPN, typeHost, typeCRC, typeID, typeTLS:
		return true
	}
	return false
}

func (h *Header) value(kind byte, value []byte) error {
	switch kind {
	case typeALPN:
		h.ALPN = string(value)
	case typeHost:
		h.Authority = string(value)
	case typeID:
		if len(value) > maxID {
			return ErrMalformed
		}
		h.UniqueID = bytes.Clone(value)
	case typeTLS:
		return h.tls(value)
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum compares the CRC32C at b[at:at+n] with that of b with zeros in its place.
func checksum(b []byte, at, n int) error {
	if n != 4 {
		return ErrMalformed
	}
	sum := crc32.Update(0, castagnoli, b[:at])
	sum = crc32.Update(sum, castagnoli, []byte{0, 0, 0, 0})
	sum = crc32.Update(sum, castagnoli, b[at+4:])
	if sum != binary.BigEndian.Uint32(b[at:]) {
		return ErrChecksum
	}
	return nil
}

// tls reads PP2_TYPE_SSL (specification, 2.2.6).
func (h *Header) tls(b []byte) error {
	if len(b) < 5 {
		return ErrMalformed
	}
	t := &TLS{ClientCert: b[0]&clientCert != 0, InSession: b[0]&clientSess != 0}
	t.Verified = (t.ClientCert || t.InSession) && binary.BigEndian.Uint32(b[1:]) == 0
	var seen [256]bool
	for rest := b[5:]; len(rest) > 0; {
		kind, value, behind, ok := next(rest)
		if !ok || seen[kind] {
			return ErrMalformed
		}
		switch kind {
		case subVersion:
			t.Version = string(value)
		case subCN:
			t.CommonName = string(value)
		case subCipher:
			t.Cipher = string(value)
		}
		seen[kind], rest = true, behind
	}
	if b[0]&clientTLS != 0 {
		h.TLS = t
	}
	return nil
}
