package health

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// newHTTPTalk returns the conversation of an HTTP/1.1 probe: one GET on a connection of its own.
func newHTTPTalk(c *HTTPConfig, host string) func(net.Conn) error {
	request := requestBytes(c, host)
	want := *c
	return func(conn net.Conn) error {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		return want.judge(conn)
	}
}

func requestBytes(c *HTTPConfig, host string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", c.Path, host)
	agent := "User-Agent: weir-health\r\n"
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if strings.EqualFold(name, "User-Agent") {
			agent = ""
		}
		fmt.Fprintf(&b, "%s: %s\r\n", name, c.Headers[name])
	}
	b.WriteString(agent + "\r\n")
	return b.Bytes()
}

var errHeadTooLong = errors.New("the answer's head is longer than 64 KiB")

// judge reads an answer to its end and compares it with what is wanted. An answer that never ends
// is a failure: by the timeout if it is slow, by its length if it is fast.
func (c *HTTPConfig) judge(from io.Reader) error {
	limit := &io.LimitedReader{R: from, N: maxAnswer}
	r := bufio.NewReader(limit)
	answer, err := finalHead(r, limit)
	if err != nil {
		return err
	}
	// The head's allowance is spent; the body gets one of its own, with room for framing and for
	// what the reader has taken ahead. The count that decides is of the body's own bytes, below.
	limit.N = 2*maxAnswer + 1
	return c.verdict(answer, func() bool { return limit.N == 0 })
}

// verdict reads an answer's body and compares. spent reports whether there was too much of it.
func (c *HTTPConfig) verdict(answer *http.Response, spent func() bool) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case len(body) > maxAnswer || err != nil && spent():
		return errors.New("the answer's body is longer than 64 KiB")
	case err != nil:
		return &unendedError{"the answer's body", err}
	case !c.Status.Has(answer.StatusCode):
		return fmt.Errorf("status %d, want %s", answer.StatusCode, c.Status)
	case !bytes.Contains(body, []byte(c.Body)):
		return errors.New("the body does not contain " + strconv.Quote(c.Body))
	}
	return nil
}

// finalHead reads heads until one is final; 1xx may come before it (RFC 9110 §15.2).
func finalHead(r *bufio.Reader, limit *io.LimitedReader) (*http.Response, error) {
	for {
		answer, err := http.ReadResponse(r, nil)
		switch {
		case err != nil && limit.N <= 0:
			return nil, errHeadTooLong
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errors.New("the connection was closed before the answer")
		case err != nil:
			return nil, err
		case answer.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("status 101, which nobody asked for")
		case answer.StatusCode >= 200:
			return answer, nil
		}
	}
}
