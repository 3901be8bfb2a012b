//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// scripted is an endpoint that answers as the tale says whose URL is asked for.
type scripted struct {
	addr string

	mu    sync.Mutex
	tales map[string]*recital // by the first two segments of the path
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	ln := listen(t)
	o := &scripted{addr: endpointOf(ln), tales: map[string]*recital{}}
	var running sync.WaitGroup
	running.Go(func() { // accepts; ends with the test
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() { o.serve(nc) })
		}
	})
	t.Cleanup(func() { ln.Close() }) // its connections end with the child
	return o
}

// serve answers what comes on one connection.
func (o *scripted) serve(nc net.Conn) {
	defer nc.Close()
	in := bufio.NewReader(nc)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		segments := strings.SplitN(r.URL.Path, "/", 4)
		o.mu.Lock()
		t := o.tales[strings.Join(segments[:min(3, len(segments))], "/")]
		o.mu.Unlock()
		if t == nil {
			fmt.Fprint(nc, "HTTP/1.1 500 Of No Tale\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		raw, last := t.answer(r)
		if _, err := io.WriteString(nc, raw); err != nil || last {
			return
		}
	}
}

// saying is what the origin says once.
type saying struct {
	method  string // of the request that got it
	may     bool   // it need not be asked
	status  int    // 0: it hangs up
	interim []string
	fields  []string
	body    string
}

// sayingOf reads the text of an answer, which is the nth of its tale.
func sayingOf(text string, n int, of string) *saying {
	r := &saying{}
	text, r.may = strings.CutPrefix(text, "?")
	parts := strings.Split(text, " >> ")
	r.interim = parts[:len(parts)-1]
	head, body, given := strings.Cut(parts[len(parts)-1], " || ")
	word, fields := worded(head)
	r.status, _ = strconv.Atoi(word) // "die" is 0
	r.fields = fields
	size, sized := strings.CutPrefix(body, "*")
	switch {
	case sized:
		length, _ := strconv.Atoi(size)
		r.body = numbered(n, length)
	case given:
		r.body = body
	default:
		r.body = fmt.Sprintf("answer %d of %s\n", n, of)
	}
	return r
}

// numbered is a content of that many bytes that is like no other answer's, and like itself nowhere.
func numbered(n, length int) string {
	var b []byte
	for len(b) < length {
		b = fmt.Appendf(b, "%d:%08d\n", n, len(b))
	}
	return string(b[:length])
}

// raw is the answer as it is sent, and whether the connection ends behind it.
func (r *saying) raw(date string) (raw string, last bool) {
	if r.status == 0 {
		return "", true
	}
	var b strings.Builder
	for _, text := range r.interim {
		word, fields := worded(text)
		fmt.Fprintf(&b, "HTTP/1.1 %s Interim\r\n%s\r\n", word, lines(fields))
	}
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", r.status, http.StatusText(r.status))
	dated, framed, chunked, ended := false, r.status == 204 || r.status == 304, false, true
	length := -1
	for _, f := range r.fields {
		name, value, _ := strings.Cut(f, ": ")
		switch name {
		case "Date", "!Date":
			dated = true
		case "!Length":
			framed, last = true, true
			b.WriteString("Connection: close\r\n")
		case "!End":
			ended, last = false, true
		case "Transfer-Encoding":
			framed, chunked = true, true
		case "Content-Length":
			framed = true
			length, _ = strconv.Atoi(value)
		case "Connection":
			last = last || value == "close"
		}
		if f[0] != '!' && f[0] != '+' {
			b.WriteString(f + "\r\n")
		}
	}
	if !dated {
		b.WriteString("Date: " + date + "\r\n")
	}
	if !framed {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n")
	if r.method == "HEAD" || r.status == 204 || r.status == 304 {
		return b.String(), last
	}
	if !chunked {
		b.WriteString(r.body)
		return b.String(), last || length > len(r.body)
	}
	half := len(r.body) / 2
	for _, part := range []string{r.body[:half], r.body[half:]} {
		if part != "" {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(part), part)
		}
	}
	if ended {
		b.WriteString("0\r\n")
		for _, f := range r.fields {
			if trailer, ok := strings.CutPrefix(f, "+"); ok {
				b.WriteString(trailer + "\r\n")
			}
		}
		b.WriteString("\r\n")
	}
	return b.String(), last
}

func lines(fields []string) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	return b.String()
}
