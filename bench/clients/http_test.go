package clients

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// origin answers by path; h2 and h3 are tested against the same one.
//
//	/echo     the body
//	/saw      method, host, target, fields
//	/status/N that status
//	/cut      three bytes of ten, then the stream is reset
//	/short    three bytes of ten, then the stream ends
//	/early    403 without reading the body
//	/hang     nothing, until the client leaves; tells asked
type origin struct{ asked chan struct{} }

func newOrigin() *origin { return &origin{asked: make(chan struct{}, 1)} }

func (o *origin) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	switch {
	case q.URL.Path == "/hang":
		select {
		case o.asked <- struct{}{}:
		default:
		}
		<-q.Context().Done()
	case q.URL.Path == "/cut":
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "abc")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case q.URL.Path == "/short":
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "abc")
	case q.URL.Path == "/early":
		w.WriteHeader(http.StatusForbidden)
	case strings.HasPrefix(q.URL.Path, "/status/"):
		var status int
		fmt.Sscanf(q.URL.Path, "/status/%d", &status)
		w.WriteHeader(status)
	default:
		w.Header().Set("X-Proto", q.Proto)
		body, _ := io.ReadAll(q.Body)
		if q.URL.Path == "/saw" {
			fmt.Fprintf(w, "%s %s %s %s", q.Method, q.Host, q.RequestURI, fields(q.Header))
			return
		}
		w.Write(body)
	}
}

// fields lists a header's fields in the order of their names.
func fields(h http.Header) string {
	var b strings.Builder
	h.Write(&b)
	return strings.ReplaceAll(strings.TrimSpace(b.String()), "\r\n", "; ")
}
