package h2

import (
	"encoding/binary"

	"golang.org/x/net/http2"
)

// appendFrameHead appends the head of a frame (RFC 9113 §4.1).
func appendFrameHead(dst []byte, length int, kind http2.FrameType, flags http2.Flags, stream uint32) []byte {
	return append(dst, byte(length>>16), byte(length>>8), byte(length), byte(kind), byte(flags),
		byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

func appendSettings(dst []byte, settings ...http2.Setting) []byte {
	dst = appendFrameHead(dst, 6*len(settings), http2.FrameSettings, 0, 0)
	for _, s := range settings {
		dst = binary.BigEndian.AppendUint16(dst, uint16(s.ID))
		dst = binary.BigEndian.AppendUint32(dst, s.Val)
	}
	return dst
}

func appendSettingsAck(dst []byte) []byte {
	return appendFrameHead(dst, 0, http2.FrameSettings, http2.FlagSettingsAck, 0)
}

func appendPing(dst []byte, ack bool, data [8]byte) []byte {
	var flags http2.Flags
	if ack {
		flags = http2.FlagPingAck
	}
	return append(appendFrameHead(dst, len(data), http2.FramePing, flags, 0), data[:]...)
}

func appendWindowUpdate(dst []byte, stream uint32, n int64) []byte {
	dst = appendFrameHead(dst, 4, http2.FrameWindowUpdate, 0, stream)
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}

func appendReset(dst []byte, stream uint32, code http2.ErrCode) []byte {
	dst = appendFrameHead(dst, 4, http2.FrameRSTStream, 0, stream)
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}

func appendGoAway(dst []byte, code http2.ErrCode) []byte {
	dst = appendFrameHead(dst, 8, http2.FrameGoAway, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, 0) // no stream of the endpoint's was processed
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}

func appendData(dst []byte, stream uint32, b []byte, end bool) []byte {
	var flags http2.Flags
	if end {
		flags = http2.FlagDataEndStream
	}
	return append(appendFrameHead(dst, len(b), http2.FrameData, flags, stream), b...)
}

// appendHeaders appends a header block as HEADERS and as many CONTINUATIONs as frames of at most size
// bytes need.
func appendHeaders(dst []byte, stream uint32, block []byte, end bool, size int) []byte {
	kind, flags := http2.FrameHeaders, http2.Flags(0)
	if end {
		flags = http2.FlagHeadersEndStream
	}
	for {
		part := block[:min(len(block), size)]
		if block = block[len(part):]; len(block) == 0 {
			flags |= http2.FlagHeadersEndHeaders // CONTINUATION's is the same bit
		}
		dst = append(appendFrameHead(dst, len(part), kind, flags, stream), part...)
		if len(block) == 0 {
			return dst
		}
		kind, flags = http2.FrameContinuation, 0
	}
}
