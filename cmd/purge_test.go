package cmd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"weir/internal/admin"
)

// counting is an endpoint whose answers may be stored, and tell how many it has given.
func counting(t *testing.T) (addr string) {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("Surrogate-Key", "front")
		fmt.Fprint(w, n.Add(1))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// caching is a config with a cache before an endpoint.
func caching(endpoint string) string {
	return "[listeners.web]\naddress = \"127.0.0.1:0\"\n[[routes]]\nupstream = \"api\"\npolicies = \"stored\"\n[policies.stored.cache]\n" +
		"[upstreams.api]\nendpoints = \"" + endpoint + "\"\n"
}

const unseen = "nothing was ever fetched under it: mind http and https, the port and the slash at the end\n"

func TestAPurgeLetsWhatItNamesBeAskedForAgain(t *testing.T) {
	s := run(t, caching(counting(t)))
	url := "http://" + s.address("web") + "/"
	asked := 1
	for _, c := range []struct {
		line  []string
		want  string
		again bool
	}{
		{[]string{"--key", url}, "purged: key " + url + "\n", true},
		{[]string{"--key", url + "other?x=1"}, "purged: key " + url + "other?x=1\n" + unseen, false},
		{[]string{"--key", "https" + strings.TrimPrefix(url, "http"), "--soft"}, "gone stale: key https" + strings.TrimPrefix(url, "http") + "\n" + unseen, false},
		{[]string{"--prefix", strings.TrimSuffix(url, "/")}, "purged: prefix " + url + "\n", true},
		{[]string{"--tag", "nobody"}, "purged: tag nobody\n", false},
		{[]string{"--tag", "nobody", "--tag", "front"}, "purged: tag nobody, front\n", true},
		{[]string{"--all"}, "purged: everything\n", true},
		{[]string{"--all", "--soft"}, "gone stale: everything\n", true},
	} {
		if got, want := get(t, url), fmt.Sprint(asked); got != want {
			t.Fatalf("before %q the answer is %s, want %s", c.line, got, want)
		}
		got := weir(t, "", append([]string{"purge", "-c", s.path}, c.line...)...)
		if got.code != Fine || got.out != c.want || got.err != "" {
			t.Errorf("purge %q: %+v, want %q", c.line, got, c.want)
		}
		if c.again {
			asked++
		}
	}
	if got, want := get(t, url), fmt.Sprint(asked); got != want {
		t.Errorf("at the end the answer is %s, want %s", got, want)
	}
	got := weir(t, "", "purge", "--json", "-c", s.path, "--tag", "a", "--soft")
	var done admin.Purged
	if err := json.Unmarshal([]byte(got.out), &done); err != nil || done.Kind != "tag" || !done.Soft || len(done.What) != 1 || done.What[0] != "a" {
		t.Errorf("purge --json: %+v, %v", got, err)
	}
	if got := weir(t, "", "status", "-c", s.path); !strings.Contains(got.out, "\nCACHE ") || !strings.Contains(got.out, " of 256.0 MiB, 1 object, ") {
		t.Errorf("status: %s", got.out)
	}
}

func TestAPurgeWithoutACacheOrAWeirSaysSo(t *testing.T) {
	s := run(t, answers("x"))
	if got := weir(t, filepath.Dir(s.path), "purge", "--all"); got.code != Bad || !strings.Contains(got.err, "weir: there is no cache: no policy") {
		t.Errorf("without a cache: %+v", got)
	}
	if got := weir(t, "", "purge", "--all", "--admin", "unix:/nowhere/p.sock"); got.code != CouldNotRun || !strings.Contains(got.err, "is Weir running") {
		t.Errorf("without a Weir: %+v", got)
	}
	if got := weir(t, filepath.Dir(s.path), "purge", "--key", "http://a/%2e%2e/"); got.code == Fine {
		t.Errorf("a path that no request has: %+v", got)
	}
}

func TestALineSaysWhatTheCacheHolds(t *testing.T) {
	for _, c := range []struct {
		status admin.CacheStatus
		want   string
	}{
		{admin.CacheStatus{Limit: 256 << 20}, "\nCACHE 0.0 KiB of 256.0 MiB, 0 objects\n"},
		{admin.CacheStatus{Bytes: 1536, Limit: 1 << 30, Objects: 1}, "\nCACHE 1.5 KiB of 1.0 GiB, 1 object\n"},
		{admin.CacheStatus{Bytes: 9 << 20, Limit: 64 << 20, Objects: 12345, Results: map[string]uint64{"hit": 1999, "miss": 1}, HitRatio: 0.9995, Backlog: 2},
			"\nCACHE 9.0 MiB of 64.0 MiB, 12,345 objects, 99.9 % of 2,000 requests answered from it, 2 purges being cleared away\n"},
	} {
		var b strings.Builder
		if cacheText(&b, &c.status); b.String() != c.want {
			t.Errorf("got %q, want %q", b.String(), c.want)
		}
	}
}
