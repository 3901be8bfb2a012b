package plan

import (
	"reflect"
	"strings"
	"testing"

	"weir/internal/term"
)

// A wrong rewrite leaves route and verdict as they are: "same 94 %" was taken for harmless.
func TestOfTheSameThoseWhoseShapeHasChangedAreNamed(t *testing.T) {
	at := func(r *Record) Outcome { return Outcome{Route: r.Route} }
	log := strings.Repeat(logged("route", "orders"), 3) + logged("route", "shop") + logged("route", "shop", "listener", "inner") + logged("route", "rest", "listener", "inner")
	keys := func(list ...string) (all []Key) {
		for _, k := range list {
			all = append(all, Key{Key: k, Old: "a", New: "b"})
		}
		return all
	}
	for _, c := range []struct {
		about   string
		changes Changes
		want    []Otherwise
	}{
		{"nothing", Changes{}, nil},
		{"a rewrite", Changes{Routes: []Change{{Name: "orders", Keys: keys("rewrite.prefix", "rewrite.to", "timeout")}}}, []Otherwise{{"orders", []string{"rewrite"}, 3}}},
		{"a time limit", Changes{Routes: []Change{{Name: "orders", Keys: keys("timeout", "split_byte")}}}, nil},
		{"a policy of a route", Changes{Policies: []Change{{Name: "p", Keys: keys("headers.request.set.X", "cors.origins", "ip_filter.deny"), Used: []string{"route shop"}}}}, []Otherwise{{"shop", []string{"p.cors", "p.headers"}, 2}}},
		{"a cache", Changes{Policies: []Change{{Name: "p", Keys: keys("cache.ttl"), Used: []string{"route shop"}}}}, []Otherwise{{"shop", []string{"p.cache"}, 2}}},
		{"a policy of a listener", Changes{Policies: []Change{{Name: "p", Keys: keys("compress.types[0]"), Used: []string{"listener inner"}}}},
			[]Otherwise{{"rest", []string{"p.compress"}, 1}, {"shop", []string{"p.compress"}, 1}}},
		{"a listener's policies", Changes{Listeners: []Change{{Name: "web", Keys: keys("policies")}}}, []Otherwise{{"orders", []string{"policies"}, 3}, {"shop", []string{"policies"}, 1}}},
		{"a split of a route that nobody asked for", Changes{Routes: []Change{{Name: "idle", Keys: keys("split")}}}, nil},
	} {
		r := &Report{Changes: c.changes, Log: replayed(t, log, at, at)}
		if r.Join(); !reflect.DeepEqual(r.Log.Otherwise, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.about, r.Log.Otherwise, c.want)
		}
	}
	r := &Report{Changes: Changes{Routes: []Change{{Name: "orders", Keys: keys("rewrite.prefix", "policies")}}}, Log: replayed(t, log, at, at)}
	r.Join()
	if text := r.Text(term.Paint{}); !strings.Contains(text, "\n  Of the same, 3 requests may leave or be answered otherwise: route orders (3: policies, rewrite).\n") {
		t.Errorf("got %s", text)
	}
	if text := (&Report{Log: replayed(t, log, at, at)}).Text(term.Paint{}); strings.Contains(text, "otherwise") {
		t.Errorf("got %s", text)
	}
	(&Report{}).Join() // without a log
}

func TestChangedRequestsAreNotCountedTwice(t *testing.T) {
	r := &Report{Changes: Changes{Routes: []Change{{Name: "a", Keys: []Key{{Key: "rewrite.to"}}}}}, Log: replayed(t, logged(), always(Outcome{Route: "b"}), always(Outcome{Route: "a"}))}
	if r.Join(); r.Log.Otherwise != nil {
		t.Errorf("got %+v", r.Log.Otherwise)
	}
}
