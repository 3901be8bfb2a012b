package bench

import (
	"bytes"
	"fmt"
)

// parseHead reads a status line and its fields, each ended by CRLF, and returns how the answer is framed.
func parseHead(head []byte) (framing, error) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	m, err := parseStatusLine(line)
	for err == nil && len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		err = m.field(line)
	}
	if err == nil && m.chunked && m.length != untilClose {
		err = fmt.Errorf("%w: Content-Length with Transfer-Encoding", ErrMalformed)
	}
	return m, err
}

// parseStatusLine accepts HTTP/1.0 and HTTP/1.1 with a status of three digits from 100 to 599.
func parseStatusLine(line []byte) (framing, error) {
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' ||
		(line[7] != '0' && line[7] != '1') || (len(line) > 12 && line[12] != ' ') {
		return framing{}, fmt.Errorf("%w: status line %q", ErrMalformed, clip(line))
	}
	status, ok := decimal(line[9:12])
	if !ok || status < 100 || status > 599 {
		return framing{}, fmt.Errorf("%w: status %q", ErrMalformed, line[9:12])
	}
	return framing{status: int(status), length: untilClose, keep: line[7] == '1'}, nil
}

// field takes one field line into the framing.
func (m *framing) field(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || line[colon-1] == ' ' || line[0] == ' ' || line[0] == '\t' {
		return fmt.Errorf("%w: field line %q", ErrMalformed, clip(line))
	}
	name, value := line[:colon], bytes.Trim(line[colon+1:], " \t")
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, ok := decimal(value)
		if !ok || (m.length != untilClose && m.length != n) {
			return fmt.Errorf("%w: Content-Length %q", ErrMalformed, clip(value))
		}
		m.length = n
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		if m.chunked || !bytes.EqualFold(value, []byte("chunked")) {
			return fmt.Errorf("%w: Transfer-Encoding %q", ErrMalformed, clip(value))
		}
		m.chunked = true
	case bytes.EqualFold(name, []byte("Connection")):
		if hasToken(value, "close") {
			m.keep = false
		} else if hasToken(value, "keep-alive") {
			m.keep = true
		}
	}
	return nil
}

func clip(b []byte) []byte { return b[:min(len(b), 60)] }

// hasToken reports whether a comma-separated list names the token, case aside.
func hasToken(list []byte, token string) bool {
	for len(list) > 0 {
		var item []byte
		item, list, _ = bytes.Cut(list, []byte(","))
		if bytes.EqualFold(bytes.Trim(item, " \t"), []byte(token)) {
			return true
		}
	}
	return false
}

// decimal parses digits alone; more than 18 of them are refused, so nothing overflows.
func decimal(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// chunkSize parses the hexadecimal size of a chunk line; an extension behind ';' is dropped.
func chunkSize(line []byte) (int64, bool) {
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		line = bytes.TrimRight(line[:i], " \t")
	}
	if len(line) == 0 || len(line) > 15 {
		return 0, false
	}
	var n int64
	for _, c := range line {
		digit := hexDigit(c)
		if digit < 0 {
			return 0, false
		}
		n = n<<4 | digit
	}
	return n, true
}

func hexDigit(c byte) int64 {
	switch {
	case c >= '0' && c <= '9':
		return int64(c - '0')
	case c >= 'a' && c <= 'f':
		return int64(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int64(c-'A') + 10
	}
	return -1
}
