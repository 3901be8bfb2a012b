package explain

import (
	"strings"
	"testing"

	"weir/internal/term"
)

func TestTheTextSaysHowManyRoutesThereAreAndWhichAreListed(t *testing.T) {
	failed := Candidate{Route: "a", Pattern: "h/a", Failed: &Failed{Key: "hosts", Want: "h", Saw: "x"}}
	taken := Candidate{Route: "b", Pattern: "GET *~^/b", Taken: true}
	open := Candidate{Route: "c", Pattern: "*~^/c", Why: "unknown: body.a can't be told; wants 1"}
	for _, c := range []struct {
		list []Candidate
		more int
		want string
	}{
		{nil, 0, "ROUTES  none comes into question\n"},
		{nil, 5, "ROUTES  none of 5 routes takes it; the nearest first\n  and 5 other routes\n"},
		{[]Candidate{failed}, 0, "ROUTES  the only one does not take it\n"},
		{[]Candidate{failed}, 2299, "ROUTES  none of 2,300 routes takes it; the nearest first\n"},
		{[]Candidate{failed, failed}, 1, "ROUTES  none of 2 routes takes it; the nearest first\n"},
		{[]Candidate{taken}, 0, "ROUTES  1 route, the most specific first\n  yes  b  GET ~^/b  taken\n"},
		{[]Candidate{failed, taken}, 1, "ROUTES  2 of 3 routes, the most specific first\n"},
		{[]Candidate{failed, taken}, 1, "  and 1 other route\n"},
		{[]Candidate{open}, 1, "ROUTES  1 of 2 routes, the most specific first\n  no  c  ~^/c  unknown"},
	} {
		r := Report{Candidates: c.list, More: c.more}
		if got := r.Text(term.Paint{}); !strings.Contains(got, c.want) {
			t.Errorf("got\n%s\nwant %q in it", got, c.want)
		}
	}
}
