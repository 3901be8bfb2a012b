package serve

//lint:file-ignore SA1019 only x/net's client can ask for an extended CONNECT

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// h2c is a rig that speaks HTTP/2 with prior knowledge, and a client of it.
func h2c(t testing.TB, change func(*rig), endpoints ...string) (*rig, *http.Client) {
	t.Helper()
	r := newRigWith(t, func(r *rig) {
		r.site.Protocols = H1 | H2
		if change != nil {
			change(r)
		}
	}, endpoints...)
	tr := &http2.Transport{AllowHTTP: true, DialTLS: func(network, _ string, _ *tls.Config) (net.Conn, error) {
		return net.Dial(network, r.addr)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return r, &http.Client{Transport: tr}
}

func fetch(t testing.TB, c *http.Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func request(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestAGETOverH2ReachesAnH1Endpoint(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	_, client := h2c(t, nil, o.addr)
	res, body := fetch(t, client, request(t, "GET", "http://web.test/a/b?c=1", nil))
	if res.StatusCode != 200 || res.ProtoMajor != 2 || body == "" {
		t.Errorf("got %v, %q", res, body)
	}
	whole, _ := o.seen()
	if got := whole[0]; !strings.HasPrefix(got, "GET /a/b?c=1 HTTP/1.1\r\n") || !strings.Contains(got, "\r\nHost: web.test\r\n") || !strings.Contains(got, "\r\nVia: 2 weir-") {
		t.Errorf("the endpoint got %q", got)
	}
}
