package plain

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// Why a body is not a multipart body as it is wanted here. They are compared by ==.
var (
	// ErrNotMultipart says that the boundary or the framing is one that readers differ about.
	ErrNotMultipart = errors.New("it is not a multipart body that everybody splits alike")
	// ErrParts says that there are more parts than the bound.
	ErrParts = errors.New("it has too many parts")
	// ErrPart says that the fields of a part are ones that readers differ about.
	ErrPart = errors.New("a part of it is not one that everybody reads alike")
)

// Multipart calls take for each part of body, whose Content-Type is field (RFC 2046 §5.1, RFC 7578), most parts at most,
// and returns the first error of take's. There is nothing before the first part, nothing behind the last, and the boundary
// stands nowhere but between parts: some take a line for it that ends with a bare LF, and some read on behind the end.
// What a part holds is read from it during the call, as it came.
func Multipart(field string, body []byte, most int, take func(*multipart.Part) error) error {
	boundary, ok := boundaryOf(field)
	mark := []byte("--" + boundary)
	if !ok || !framed(body, mark) {
		return ErrNotMultipart
	}
	marks := bytes.Count(body, mark)
	if marks > most+1 {
		return ErrParts
	}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 1; ; n++ {
		part, err := r.NextRawPart()
		switch {
		case err == io.EOF && n == marks:
			return nil
		case err != nil:
			return ErrNotMultipart
		}
		if err := take(part); err != nil {
			return err
		}
	}
}

// boundaryOf returns the boundary of a Content-Type. One that is written in pieces or in another character set (RFC 2231)
// is not known to everybody.
func boundaryOf(field string) (boundary string, ok bool) {
	kind, params, err := mime.ParseMediaType(field)
	if err != nil || !strings.HasPrefix(kind, "multipart/") || strings.ContainsAny(field, `*\`) {
		return "", false
	}
	boundary = params["boundary"]
	return boundary, boundary != "" && len(boundary) <= 70 && boundary[len(boundary)-1] != ' '
}

// framed reports whether body begins and ends with its boundary.
func framed(body, mark []byte) bool {
	end := bytes.LastIndex(body, mark)
	if end < 0 || !bytes.HasPrefix(bytes.TrimLeft(body, "\r\n"), mark) {
		return false
	}
	rest, closed := bytes.CutPrefix(body[end+len(mark):], []byte("--"))
	return closed && len(bytes.TrimSpace(rest)) == 0
}

// PartName returns the name of a part of a form. It has one Content-Disposition, a name that is written in one way, and no
// file name in the extended way alone: who does not know that takes the part for no file.
func PartName(part *multipart.Part) (string, error) {
	fields := part.Header["Content-Disposition"]
	if len(fields) != 1 {
		return "", ErrPart
	}
	disposition, params, err := mime.ParseMediaType(fields[0])
	if err != nil || disposition != "form-data" || params["name"] == "" {
		return "", ErrPart
	}
	plainFile, extendedFile := false, false
	for _, name := range parameterNames(fields[0]) {
		base, rest, extended := strings.Cut(name, "*")
		switch {
		case extended && (base != "filename" || rest != ""):
			return "", ErrPart
		case extended:
			extendedFile = true
		case base == "filename":
			plainFile = true
		}
	}
	if extendedFile && !plainFile {
		return "", ErrPart
	}
	return params["name"], nil
}

// parameterNames returns the names of a field's parameters in lower case, as they are written.
func parameterNames(field string) (names []string) {
	quoted, from := false, 0
	for i := 0; i <= len(field); i++ {
		switch {
		case i < len(field) && field[i] == '\\' && quoted:
			i++
		case i < len(field) && field[i] == '"':
			quoted = !quoted
		case i == len(field) || field[i] == ';' && !quoted:
			if name, _, ok := strings.Cut(field[from:i], "="); ok {
				names = append(names, strings.ToLower(strings.TrimSpace(name)))
			}
			from = i + 1
		}
	}
	return names
}
