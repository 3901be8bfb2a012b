package rule

// Segment is a piece of a body that is put together: Literal, or the part of the stored body if that is nil.
type Segment struct {
	Literal []byte
	Span    Span
}

// Multipart lays out the body of a multipart/byteranges answer (RFC 9110 §14.6): it appends its segments, in order, to dst
// and returns how long the whole is. contentType is the stored one, nil if there is none. boundary must be one that
// nobody can foresee: see [AppendBoundary]. The literals are made for the purpose.
func (r *Ranges) Multipart(dst []Segment, contentType, boundary []byte, length int64) (segments []Segment, total int64) {
	for i, s := range r.Spans() {
		var b []byte
		if i > 0 {
			b = append(b, "\r\n"...)
		}
		b = append(append(b, "--"...), boundary...)
		if contentType != nil {
			b = append(append(b, "\r\nContent-Type: "...), contentType...)
		}
		b = AppendContentRange(append(b, "\r\nContent-Range: "...), s, length)
		b = append(b, "\r\n\r\n"...)
		dst = append(dst, Segment{Literal: b}, Segment{Span: s})
		total += int64(len(b)) + s.Len()
	}
	end := append(append([]byte("\r\n--"), boundary...), "--\r\n"...)
	return append(dst, Segment{Literal: end}), total + int64(len(end))
}

// AppendBoundary appends a boundary made of random bytes.
func AppendBoundary(dst []byte, random [16]byte) []byte {
	const hex = "0123456789abcdef"
	for _, b := range random {
		dst = append(dst, hex[b>>4], hex[b&15])
	}
	return dst
}

// AppendMultipartType appends the Content-Type of the answer.
func AppendMultipartType(dst, boundary []byte) []byte {
	return append(append(dst, "multipart/byteranges; boundary="...), boundary...)
}
