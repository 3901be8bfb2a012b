package wire

import (
	"encoding/binary"

	"weir/http7"
)

// version is what an HTTP-version turned out to be.
type version uint8

const (
	shortVersion version = iota // bytes are missing
	notVersion                  // it is not HTTP/d.d
	otherVersion                // it is, and not spoken here
	version10
	version11
)

var (
	word10 = binary.LittleEndian.Uint64([]byte("HTTP/1.0"))
	word11 = binary.LittleEndian.Uint64([]byte("HTTP/1.1"))
)

// readVersion reads the HTTP-version at the start of b (RFC 9112 §2.3).
func readVersion(b []byte) version {
	if len(b) >= 8 {
		switch binary.LittleEndian.Uint64(b) {
		case word11:
			return version11
		case word10:
			return version10
		}
	}
	const shape = "HTTP/0.0"
	for i, c := range b[:min(len(b), len(shape))] {
		if c != shape[i] && !(shape[i] == '0' && isDigit(c)) {
			return notVersion
		}
	}
	if len(b) < len(shape) {
		return shortVersion
	}
	return otherVersion
}

// proto is the protocol of version10 and version11.
func (v version) proto() http7.Proto {
	if v == version11 {
		return http7.HTTP11
	}
	return http7.HTTP10
}
