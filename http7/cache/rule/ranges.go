package rule

import (
	"strconv"

	"weir/http7"
)

const (
	// MaxRanges is how many ranges of one request are looked at; a field with more is ignored (RFC 9110 §14.2).
	MaxRanges = 100
	// partOverhead is about what a part of multipart/byteranges costs: ranges that are closer become one (§15.3.7.2).
	partOverhead = 80
	maxOverlaps  = 2 // more are an attack, or a broken client (§14.2)
)

// Span is the part [From, To) of a body.
type Span struct{ From, To int64 }

// Len is its length.
func (s Span) Len() int64 { return s.To - s.From }

// Ranges are the parts of a body that a request asks for, in its order.
type Ranges struct {
	n     int
	spans [MaxRanges]Span
}

// Spans returns the parts, a view into r.
func (r *Ranges) Spans() []Span { return r.spans[:r.n] }

// Evaluate says how a request is answered from a stored answer whose body is length bytes long, -1 while that is
// unknown: its conditions first, then If-Range, then Range (RFC 9110 §13.2.2). With Partial r holds the ranges. A Range
// is ignored if the method is not GET, the status not 200, the field malformed or silly, or the length unknown.
func Evaluate(r *Ranges, head Head, f *Facts, get bool, request *http7.Header, length, now int64) Outcome {
	if NotModified(head, f, request, now) {
		return Unchanged
	}
	if !get || f.Status != 200 || length < 0 || !request.HasAny(rangeSet) || !request.Has(http7.Range) {
		return Whole
	}
	value, ok := single(request, http7.Range)
	if !ok || !rangeApplies(head.ETag(), f, request, now) {
		return Whole
	}
	return r.Parse(value, length)
}

var rangeSet = http7.Names(http7.Range)

// Parse reads a Range field for a body of that length and returns Whole, Partial or Unsatisfiable. Overlapping and close
// ranges become one; more than two overlaps, or parts that are together longer than the body, are ignored.
func (r *Ranges) Parse(value []byte, length int64) Outcome {
	r.n = 0
	if len(value) < 6 || !http7.EqualFold(value[:6], "bytes=") {
		return Whole
	}
	members, ok := r.read(value[6:], length)
	switch {
	case !ok || members == 0 || length == 0: // no Content-Range can say "nothing of nothing"
		return Whole
	case r.n == 0:
		return Unsatisfiable
	case !r.join() || r.cost() > length:
		return Whole
	}
	return Partial
}

// read keeps the satisfiable members of the list and counts all.
func (r *Ranges) read(list []byte, length int64) (members int, ok bool) {
	for len(list) > 0 {
		var item []byte
		item, list = cutComma(list)
		if item = trimOWS(item); len(item) == 0 {
			continue
		}
		if members++; members > MaxRanges {
			return 0, false
		}
		s, ok := parseSpan(item, length)
		if !ok {
			return 0, false
		}
		if s.Len() > 0 {
			r.spans[r.n] = s
			r.n++
		}
	}
	return members, true
}

// parseSpan reads "first-last", "first-" or "-suffix" (RFC 9110 §14.1.2). What lies behind the end is empty.
func parseSpan(b []byte, length int64) (s Span, ok bool) {
	first, b, firstOK := cutNumber(b)
	if len(b) == 0 || b[0] != '-' {
		return s, false
	}
	last, b, lastOK := cutNumber(b[1:])
	switch {
	case len(b) > 0 || !firstOK && !lastOK:
		return s, false
	case !firstOK:
		return Span{max(length-last, 0), length}, true
	case !lastOK:
		return Span{min(first, length), length}, true
	}
	if last < first {
		return s, false
	}
	return Span{min(first, length), min(last, length-1) + 1}, true
}

// cutNumber cuts digits; too great a number is 2^60. ok is false without digits.
func cutNumber(b []byte) (n int64, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		n = min(n*10+int64(b[i]-'0'), 1<<60-1)
	}
	return n, b[i:], i > 0
}

// join makes one of ranges that overlap or are close, where the first of them stood; false: too many overlap.
func (r *Ranges) join() bool {
	overlaps, kept := 0, 0
	for _, s := range r.spans[:r.n] {
		at := kept
		for i := 0; i < kept; i++ {
			k := r.spans[i]
			if i == at || s.From > k.To+partOverhead || k.From > s.To+partOverhead {
				continue
			}
			if s.From < k.To && k.From < s.To {
				overlaps++
			}
			s = Span{min(s.From, k.From), max(s.To, k.To)}
			if at < kept { // it was joined before: two become one
				first, gone := min(at, i), max(at, i)
				copy(r.spans[gone:kept], r.spans[gone+1:kept])
				kept, at = kept-1, first
			} else {
				at = i
			}
			i = -1 // what it has become may touch those before
		}
		r.spans[at] = s
		kept = max(kept, at+1)
	}
	r.n = kept
	return overlaps <= maxOverlaps
}

// cost is about how long the answer is.
func (r *Ranges) cost() (n int64) {
	for _, s := range r.spans[:r.n] {
		n += s.Len()
	}
	if r.n > 1 {
		n += int64(r.n) * partOverhead
	}
	return n
}

// AppendContentRange appends the value of Content-Range for a part (RFC 9110 §14.4).
func AppendContentRange(dst []byte, s Span, length int64) []byte {
	dst = strconv.AppendInt(append(dst, "bytes "...), s.From, 10)
	dst = strconv.AppendInt(append(dst, '-'), s.To-1, 10)
	return strconv.AppendInt(append(dst, '/'), length, 10)
}

// AppendUnsatisfied appends the value of Content-Range for a 416 (RFC 9110 §15.5.17).
func AppendUnsatisfied(dst []byte, length int64) []byte {
	return strconv.AppendInt(append(dst, "bytes */"...), length, 10)
}
