package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// conns returns what is in the list, read from both ends.
func (l *list) conns(t *testing.T) []*conn {
	t.Helper()
	var forth, back []*conn
	for c := l.first; c != nil; c = c.links[l.way].next {
		forth = append(forth, c)
	}
	for c := l.last; c != nil; c = c.links[l.way].prev {
		back = append(back, c)
	}
	if slices.Reverse(back); !slices.Equal(forth, back) {
		t.Fatalf("%d conns forth, %d back, or in another order", len(forth), len(back))
	}
	return forth
}

func TestListsAgreeWithSlices(t *testing.T) {
	// Three lists, two of them of one way, against slices: a conn moves as the loop moves it.
	r := rand.New(rand.NewPCG(1, 2))
	lists := []*list{{way: doing}, {way: doing}, {way: dialling}}
	models := make([][]*conn, len(lists))
	conns := make([]conn, 8)
	for range 20_000 {
		c, n := &conns[r.IntN(len(conns))], r.IntN(len(lists))
		in := slices.IndexFunc(models[n], func(o *conn) bool { return o == c })
		switch {
		case in >= 0:
			lists[n].remove(c)
			models[n] = slices.Delete(models[n], in, in+1)
		case !c.links[lists[n].way].in:
			lists[n].push(c)
			models[n] = append(models[n], c)
		}
		for i := range lists {
			if !slices.Equal(lists[i].conns(t), models[i]) {
				t.Fatalf("list %d differs from its model", i)
			}
		}
	}
}

func TestRemovingFromNoListChangesNothing(t *testing.T) {
	l := list{way: dialling}
	var in, out conn
	l.push(&in)
	l.remove(&out)
	if got := l.conns(t); len(got) != 1 || got[0] != &in {
		t.Errorf("%d left", len(got))
	}
}
