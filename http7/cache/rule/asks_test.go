package rule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

func (a Asks) text() string {
	var out []string
	for _, f := range []struct {
		on   bool
		name string
	}{{a.NoCache, "no-cache"}, {a.NoStore, "no-store"}, {a.OnlyIfCached, "only-if-cached"}, {a.Credentials, "credentials"}} {
		if f.on {
			out = append(out, f.name)
		}
	}
	for _, n := range []struct {
		v    time.Duration
		name string
	}{{a.MaxAge, "max-age"}, {a.MinFresh, "min-fresh"}, {a.MaxStale, "max-stale"}, {a.StaleIfError, "sie"}} {
		switch {
		case n.v == forever:
			out = append(out, n.name+"=any")
		case n.v >= 0:
			out = append(out, fmt.Sprintf("%s=%d", n.name, n.v/time.Second))
		}
	}
	return strings.Join(out, " ")
}

func TestDirectivesOfARequestAreReadAsRFC9111Says(t *testing.T) {
	for _, c := range []struct{ section, request, want string }{
		{"5.2.1: none", "Host: a", ""},
		{"5.2.1.1", "Cache-Control: max-age=10", "max-age=10"},
		{"5.2.1.1: both forms", `Cache-Control: max-age="10"`, "max-age=10"},
		{"5.2.1.1: no number is the most demanding", "Cache-Control: max-age=x", "max-age=0"},
		{"5.2.1.1: no argument is, too", "Cache-Control: max-age", "max-age=0"},
		{"5.2.1.1: the least of several", "Cache-Control: max-age=10, max-age=5, max-age=20", "max-age=5"},
		{"5.2.1.2", "Cache-Control: max-stale=10", "max-stale=10"},
		{"5.2.1.2: any", "Cache-Control: max-stale", "max-stale=any"},
		{"5.2.1.2: the least of several", "Cache-Control: max-stale, max-stale=10", "max-stale=10"},
		{"5.2.1.2: no number is none", "Cache-Control: max-stale=x", "max-stale=0"},
		{"5.2.1.3", "Cache-Control: min-fresh=10", "min-fresh=10"},
		{"5.2.1.3: the most of several", "Cache-Control: min-fresh=10, min-fresh=20", "min-fresh=20"},
		{"5.2.1.3: no number is never satisfied", "Cache-Control: min-fresh=x", "min-fresh=any"},
		{"5.2.1.4", "Cache-Control: no-cache", "no-cache"},
		{"5.2.1.4: whatever its argument", "Cache-Control: No-Cache=x", "no-cache"},
		{"5.2.1.5", "Cache-Control: no-store", "no-store"},
		{"5.2.1.6: means nothing here", "Cache-Control: no-transform", ""},
		{"5.2.1.7", "Cache-Control: only-if-cached, max-stale=60", "only-if-cached max-stale=60"},
		{"5861 4", "Cache-Control: stale-if-error=60", "sie=60"},
		{"5861 4: the least of several", "Cache-Control: stale-if-error=60, stale-if-error=x", "sie=0"},
		{"5.2: lines are one list", "Cache-Control: max-age=10 | Cache-Control: no-store", "no-store max-age=10"},
		{"5.2: what can't be read is no-cache", "Cache-Control: max-age =10", "no-cache"},
		{"5.2: what can't be read is no-cache", `Cache-Control: max-age=10, x="`, "no-cache max-age=10"},
		{"5.2.3: what is not known is left out", `Cache-Control: foo="no-cache", bar`, ""},
		{"5.4", "Pragma: no-cache", "no-cache"},
		{"5.4: whatever the case", "Pragma: x, No-Cache", "no-cache"},
		{"5.4: other words", "Pragma: foo, bar=no-cache", ""},
		{"5.4: not beside Cache-Control", "Pragma: no-cache | Cache-Control: max-age=10", "max-age=10"},
		{"3.5: credentials", "Authorization: Bearer x", "credentials"},
		{"credentials", "Cookie: a=b", "credentials"},
		{"credentials and directives", "Cookie: a=b | Cache-Control: no-cache", "no-cache credentials"},
	} {
		if got := ReadAsks(fields(c.request)).text(); got != c.want {
			t.Errorf("RFC 9111 %s: %q reads %q, want %q", c.section, c.request, got, c.want)
		}
	}
}

func TestDirectivesThatWereRemovedDontCount(t *testing.T) {
	h := fields("Cache-Control: no-cache | Cookie: a=b | Pragma: no-cache")
	h.DelID(http7.CacheControl)
	h.DelID(http7.Cookie)
	h.DelID(http7.Pragma)
	if got := ReadAsks(h).text(); got != "" {
		t.Errorf("read %q", got)
	}
}
