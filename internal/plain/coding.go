// Package plain makes the bytes of a body readable for policies that inspect it: content codings are undone within
// bounds, and JSON is read strictly, so that whoever reads it later sees the same.
//
// http7/policy/validate and http7/policy/waf use it. It knows no exchange and keeps nothing.
package plain

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
	brrr "github.com/molecule-man/go-brrr"
)

// Why a body can't be read. They are compared by ==.
var (
	// ErrUnknownCoding says that a coding is not one of gzip, deflate, br, zstd and identity, or that there are too many.
	ErrUnknownCoding = errors.New("the content coding is not one that can be undone here")
	// ErrTooLong says that the bytes are more than the bound, once they are decoded.
	ErrTooLong = errors.New("the decoded body is longer than the limit")
	// ErrBroken says that the bytes are not what the coding writes, or that something follows them.
	ErrBroken = errors.New("the body is not what its content coding says")
)

// mostCodings is how many codings one body may have: more are made by nobody but who hides something.
const mostCodings = 2

// Decode undoes the codings of a Content-Encoding value, the last one first (RFC 9110 §8.4). The result has at most most
// bytes; that of no coding, or of identity, is body itself. Memory is bounded by most and some 8 MiB of a coding's window.
func Decode(codings string, body []byte, most int64) ([]byte, error) {
	names, err := split(codings)
	if err != nil {
		return nil, err
	}
	for i := len(names) - 1; i >= 0; i-- {
		if body, err = undo(names[i], body, most); err != nil {
			return nil, err
		}
	}
	if int64(len(body)) > most {
		return nil, ErrTooLong
	}
	return body, nil
}

// split returns the codings that change something.
func split(codings string) (names []string, err error) {
	for name := range strings.SplitSeq(codings, ",") {
		name = strings.ToLower(strings.Trim(name, " \t"))
		if name == "" || name == "identity" {
			continue
		}
		if names = append(names, name); len(names) > mostCodings {
			return nil, ErrUnknownCoding
		}
	}
	return names, nil
}

func undo(name string, body []byte, most int64) ([]byte, error) {
	in := bytes.NewReader(body)
	var r io.Reader
	var err error
	switch name {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(in)
	case "deflate":
		r, err = inflater(in, body)
	case "br":
		return unbrotli(body, most)
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(mostWindow), zstd.WithDecoderLowmem(true)); err == nil {
			defer z.Close()
			r = z
		}
	default:
		return nil, ErrUnknownCoding
	}
	if err != nil {
		return nil, ErrBroken
	}
	return read(r, in, most)
}

// mostWindow is the window that RFC 9659 §3 allows zstd as a content coding.
const mostWindow = 8 << 20

// inflater reads what "deflate" stands for: zlib (RFC 9110 §8.4.1.2), and the bare form that some senders mean by it.
func inflater(in io.Reader, body []byte) (io.Reader, error) {
	if len(body) >= 2 && body[0]&0x0f == 8 && (uint(body[0])<<8|uint(body[1]))%31 == 0 {
		return zlib.NewReader(in)
	}
	return flate.NewReader(in), nil
}

// unbrotli undoes brotli. Its reader does not tell how much it has used up: if the last byte is not needed, it is not of
// the stream, which ends with a bit of its own (RFC 7932 §9.2).
func unbrotli(body []byte, most int64) ([]byte, error) {
	in := bytes.NewReader(body)
	out, err := read(brrr.NewReader(in), in, most)
	if err != nil {
		return nil, err
	}
	short := bytes.NewReader(body[:len(body)-1])
	if n, err := io.Copy(io.Discard, brrr.NewReader(short)); err == nil && n >= int64(len(out)) {
		return nil, ErrBroken
	}
	return out, nil
}

// read reads all of r, which must use up in.
func read(r io.Reader, in *bytes.Reader, most int64) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case int64(len(out)) > most:
		return nil, ErrTooLong
	case err != nil, in.Len() > 0:
		return nil, ErrBroken
	}
	return out, nil
}
