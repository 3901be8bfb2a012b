package serve

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Trailers of requests reach an h2 endpoint, whose library keeps those alone that were announced.
func TestTrailersOfRequestsReachAnH2Endpoint(t *testing.T) {
	t.Parallel()
	_, at := h2Endpoint(t, nil, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%q %v", b, r.Trailer["X-Sum"]) // the client shows what is missing
	})
	r, h2client := h2c(t, toH2, at)
	for name, client := range map[string]*http.Client{"h1": through(t, r), "h2": h2client} {
		req := request(t, "POST", "http://"+r.addr+"/", io.MultiReader(strings.NewReader("hello"), strings.NewReader(" you")))
		req.Trailer = http.Header{"X-Sum": {"12"}}
		res, body := fetch(t, client, req)
		if want := `"hello you" [12]`; body != want || res.StatusCode != 200 {
			t.Errorf("%s: %d %s, want %s", name, res.StatusCode, body, want)
		}
	}
}
