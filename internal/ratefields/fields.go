// Package ratefields writes the fields that tell clients their limits: RateLimit-Policy and RateLimit of
// draft-ietf-httpapi-ratelimit-headers-10, lists of structured fields (RFC 9651).
//
// The policies that limit call it. It knows no exchange.
package ratefields

import (
	"strconv"
	"time"
)

// AppendPolicy appends the item of RateLimit-Policy for a limit of quota units within window, behind a comma if dst is not
// empty. name is visible ASCII without \ and quotes.
func AppendPolicy(dst []byte, name string, quota int64, window time.Duration) []byte {
	dst = appendName(dst, name)
	dst = strconv.AppendInt(append(dst, ";q="...), most(quota), 10)
	return strconv.AppendInt(append(dst, ";w="...), max(1, Seconds(window)), 10)
}

// AppendLeft appends the item of RateLimit for a limit of which left units are left, and which is whole again after reset.
func AppendLeft(dst []byte, name string, left int64, reset time.Duration) []byte {
	dst = appendName(dst, name)
	dst = strconv.AppendInt(append(dst, ";r="...), most(max(0, left)), 10)
	return strconv.AppendInt(append(dst, ";t="...), Seconds(reset), 10)
}

// AppendRetry appends the value of Retry-After (RFC 9110 §10.2.3): 1 or more.
func AppendRetry(dst []byte, after time.Duration) []byte {
	return strconv.AppendInt(dst, max(1, Seconds(after)), 10)
}

// Seconds returns d in whole seconds, rounded up, from 0 on.
func Seconds(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return most(int64((d-1)/time.Second) + 1)
}

// most is n as a structured field can have it (RFC 9651 §3.3.1).
func most(n int64) int64 { return min(n, 999_999_999_999_999) }

func appendName(dst []byte, name string) []byte {
	if len(dst) > 0 {
		dst = append(dst, ", "...)
	}
	return append(append(append(dst, '"'), name...), '"')
}
