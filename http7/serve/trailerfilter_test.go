package serve

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"weir/http7"
)

// folder is a filter that sends the trailers as the end of the body.
type folder struct{ trailer *http7.Header }

func (f *folder) Changes() bool { return true }

func (f *folder) Write(dst, chunk []byte, how http7.How) ([]byte, int, bool, *http7.Fault) {
	dst = append(dst, chunk...)
	if how == http7.Last {
		dst = f.trailer.AppendLines(append(dst, '|'), 0)
		f.trailer.Reset(nil)
	}
	return dst, len(chunk), true, nil
}

// folding is a policy with that filter.
type folding struct{}

func (folding) Response(x *http7.Exchange) http7.Verdict {
	x.Answer.Filters = append(x.Answer.Filters, &folder{&x.Answer.Trailer})
	return http7.Continue
}

func TestAFilterSeesTrailersAsPoliciesHaveLeftThemAndMaySendThemInItsOwnWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ trailer, folded string }{
		{"X-Sum: 1\r\nX-User: root\r\n", "hello|X-Sum: 1\r\n"},
		{"", "hello|"},
	} {
		p, early := new(stripping), new(stripping)
		r := newRigWith(t, func(r *rig) {
			r.site.Early = []http7.Step{early.step("edge", http7.Identify)}
			r.route.Steps = []http7.Step{p.step("p", http7.Present), {Name: "p.fold", Stage: http7.Rewrite, Response: folding{}}}
		}, saying(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"+c.trailer+"\r\n"))
		got := r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		asked := int64(min(len(c.trailer), 1))
		if err != nil || string(body) != c.folded || len(res.Trailer) > 0 || p.answers.Load() != asked || early.answers.Load() != asked {
			t.Errorf("%q: got %q, %v; the policies were asked %d and %d times", c.trailer, got, err, p.answers.Load(), early.answers.Load())
		}
	}
}
