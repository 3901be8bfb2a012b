package serve

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"weir/http7"
)

// What Weir cuts at the end of the grace is nobody's fault: the log says so, and the endpoint is not charged.
func TestWhatIsCutIsNoFaultOfTheEndpoint(t *testing.T) {
	t.Parallel()
	begin := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
	for _, carrier := range []string{"HTTP/1.1", "HTTP/2"} {
		for what, answer := range map[string]string{"amid an answer": begin, "before its head": ""} {
			asked := make(chan struct{}, 1)
			endpoint := origin(t, func(c net.Conn) {
				_, _ = io.ReadAtLeast(c, make([]byte, 4096), 1) // a head
				_, _ = io.WriteString(c, answer)
				asked <- struct{}{}
				_, _ = io.Copy(io.Discard, c) // until it is cut
			})
			var out bytes.Buffer
			stop := func() {}
			r := newRigWith(t, func(r *rig) { r.site.Protocols = H1 | H2; stop = logging(r, &out) }, endpoint)
			var proto http.Protocols
			proto.SetHTTP1(carrier == "HTTP/1.1")
			proto.SetUnencryptedHTTP2(carrier == "HTTP/2")
			tr := &http.Transport{Protocols: &proto}
			ended := make(chan error, 1)
			go func() { // ends with the cut
				res, err := (&http.Client{Transport: tr}).Get("http://" + r.addr + "/")
				if err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				ended <- err
			}()
			<-asked
			empty := r.engine.Drain()
			r.engine.Cut()
			<-empty
			if err := <-ended; err == nil {
				t.Errorf("%s, %s: the client took it for whole", carrier, what)
			}
			r.settled()
			stop()
			var line tunnelLine
			if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Fault != http7.Stopping.Name {
				t.Errorf("%s, %s: the log says %s (%v)", carrier, what, out.Bytes(), err)
			}
			var page strings.Builder
			r.series.WritePrometheus(&page)
			if !strings.Contains(page.String(), `outcome="cancelled"} 1`) {
				t.Errorf("%s, %s: the endpoint is charged:\n%s", carrier, what, page.String())
			}
			tr.CloseIdleConnections()
		}
	}
}

// A header policy's word on Alt-Svc stands; an endpoint's does not.
func TestAPolicyMaySayWhereElseItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, endpoint, policy, want string }{
		{"by itself", "", "", `h3=":8443"`},
		{"the endpoint's", "Alt-Svc: h3=\":9\"\r\n", "", `h3=":8443"`},
		{"a policy's", "Alt-Svc: h3=\":9\"\r\n", `h3=":443"`, `h3=":443"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRigWith(t, func(r *rig) {
				r.site.AltSvc = []byte(`h3=":8443"`)
				if c.policy != "" {
					r.route.Steps = []http7.Step{{Name: "edit", Stage: http7.Present, Response: responding(func(x *http7.Exchange) {
						x.Answer.Header.Set(altSvc, []byte(c.policy))
					})}}
				}
			}, saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"+c.endpoint+"\r\n"))
			got, err := newFront(t, r).say(t, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			if err != nil || !strings.Contains(got, "\r\nAlt-Svc: "+c.want+"\r\n") || strings.Count(got, "Alt-Svc") != 1 {
				t.Errorf("%q, %v; want %s", got, err, c.want)
			}
		})
	}
}
