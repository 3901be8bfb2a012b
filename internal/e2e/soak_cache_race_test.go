//go:build linux && soak

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowdedStore is a store that is too small for its origin's objects, so that something leaves with every fill.
const crowdedStore = `
[cache]
size = "{size}"
[listeners.web]
address = "{ip}:8080"
[[routes]]
name = "all"
upstream = "api"
policies = ["stored"]
[policies.stored.cache]
ttl = "origin"
max_object = "256KiB"
tags_header = "Surrogate-Key"
stale_if_error = "{grace}"
[upstreams.api]
endpoints = "{origin}"
`

// objects is how many the origin has; those with a number that 5 divides are to be revalidated each time.
const objects = 600

// edition is one object of the origin: its body names the object and the edition in every line.
type edition struct {
	now   atomic.Int64 // what the origin has
	floor atomic.Int64 // what no later request may fall below: the edition has been purged up to here
}

// changing is an origin whose objects get new editions.
type changing struct {
	objects [objects]edition
	asked   atomic.Int64
	renewed atomic.Int64 // answered by 304
}

// size is how long an object is: some are empty, many are small, a few are many pieces long.
func (o *changing) size(id int) int {
	switch {
	case id%97 == 0:
		return 0
	case id%11 == 0:
		return 150<<10 + id
	case id%3 == 0:
		return 9<<10 + id
	}
	return 700 + id
}

// body is what the origin sends of an edition.
func (o *changing) body(id int, version int64) []byte {
	line := fmt.Appendf(nil, "%06d %08d\n", id, version)
	return bytes.Repeat(line, o.size(id)/len(line)+1)[:o.size(id)]
}

func tagOf(version int64) string { return fmt.Sprintf(`"v%d"`, version) }

// ServeHTTP implements http.Handler for /o/ID.
func (o *changing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.asked.Add(1)
	id, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/o/"))
	if err != nil || id >= objects {
		http.NotFound(w, r)
		return
	}
	version := o.objects[id].now.Load()
	h := w.Header()
	h.Set("ETag", tagOf(version))
	h.Set("Surrogate-Key", fmt.Sprintf("all-of-them t%d", id%7))
	h.Set("Cache-Control", "max-age=3600")
	if id%5 == 0 {
		h.Set("Cache-Control", "max-age=0, must-revalidate")
	}
	if id%13 == 0 {
		h.Set("Vary", "Accept-Encoding")
	}
	if r.Header.Get("If-None-Match") == tagOf(version) {
		o.renewed.Add(1)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if id%4 != 0 {
		h.Set("Content-Length", strconv.Itoa(o.size(id)))
	}
	_, _ = w.Write(o.body(id, version)) // the client's side says what came
}

// melee is everything at once against one child.
type melee struct {
	t      *testing.T
	c      *child
	o      *changing
	client *http.Client
	uses   [len(deeds)]atomic.Int64
	failed atomic.Int64
	again  atomic.Int64 // whole answers to those who had the same
}

// deeds are what the workers do, each by a method below.
var deeds = [...]string{"get", "range", "conditional", "head", "leave", "purge", "reload"}

func (m *melee) fail(format string, args ...any) {
	if m.failed.Add(1) <= 10 {
		m.t.Errorf(format, args...)
	}
}

// ask makes one request and returns the answer with its body, and the edition that it must not fall below.
func (m *melee) ask(ctx context.Context, method string, id int, fields ...string) (resp *http.Response, body []byte, floor int64, err error) {
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://%s/o/%d", m.c.at(8080), id), nil)
	if err != nil {
		return nil, nil, 0, err
	}
	for i := 0; i+1 < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	floor = m.o.objects[id].floor.Load()
	if resp, err = m.client.Do(req); err != nil {
		return nil, nil, floor, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp, body, floor, err
}

// versionOf is the edition that an answer's ETag names; -1: none.
func versionOf(resp *http.Response) int64 {
	n, err := strconv.ParseInt(strings.Trim(resp.Header.Get("ETag"), `"v`), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// get asks for an object whole.
func (m *melee) get(ctx context.Context, rng *rand.Rand) {
	id := pick(rng)
	resp, body, floor, err := m.ask(ctx, "GET", id)
	switch {
	case err != nil:
		m.failUnless(ctx, "GET %d: %v", id, err)
	case resp.StatusCode != 200 || versionOf(resp) < floor:
		m.fail("GET %d: status %d, %s after edition %d was purged; %s", id, resp.StatusCode, resp.Header.Get("ETag"), floor, resp.Header.Get("Cache-Status"))
	case !bytes.Equal(body, m.o.body(id, versionOf(resp))):
		m.fail("GET %d: %d bytes are not edition %s: %.60q", id, len(body), resp.Header.Get("ETag"), body)
	}
}

func (m *melee) failUnless(ctx context.Context, format string, args ...any) {
	if ctx.Err() == nil {
		m.fail(format, args...)
	}
}

// pick prefers a few objects, so that some stay and most leave.
func pick(rng *rand.Rand) int {
	return int(float64(objects) * rng.Float64() * rng.Float64() * rng.Float64())
}

// part asks for bytes of an object.
func (m *melee) part(ctx context.Context, rng *rand.Rand) {
	id := pick(rng)
	size := m.o.size(id)
	from := rng.IntN(size + 1)
	to := from + rng.IntN(size+10)
	resp, body, floor, err := m.ask(ctx, "GET", id, "Range", fmt.Sprintf("bytes=%d-%d", from, to))
	if err != nil {
		m.failUnless(ctx, "range of %d: %v", id, err)
		return
	}
	version := versionOf(resp)
	want := m.o.body(id, version)
	switch resp.StatusCode {
	case 200:
	case 206:
		want = want[from:min(to+1, size)]
		if got := resp.Header.Get("Content-Range"); got != fmt.Sprintf("bytes %d-%d/%d", from, from+len(want)-1, size) {
			m.fail("range %d-%d of %d: Content-Range %q for %d bytes", from, to, id, got, size)
		}
	case 416:
		if from < size {
			m.fail("range %d-%d of %d is refused, of %d bytes", from, to, id, size)
		}
		return
	default:
		m.fail("range of %d: status %d", id, resp.StatusCode)
		return
	}
	if version < floor || !bytes.Equal(body, want) {
		m.fail("range %d-%d of %d: status %d, %d bytes of edition %d after %d was purged", from, to, id, resp.StatusCode, len(body), version, floor)
	}
}

// conditional asks whether the edition that the origin has now is the one.
func (m *melee) conditional(ctx context.Context, rng *rand.Rand) {
	id := pick(rng)
	mine := m.o.objects[id].now.Load()
	resp, body, floor, err := m.ask(ctx, "GET", id, "If-None-Match", tagOf(mine))
	if err == nil && resp.StatusCode == 200 && versionOf(resp) == mine {
		m.again.Add(1) // allowed, if a waste: the request led a fill, and a purge caught the object
	}
	switch {
	case err != nil:
		m.failUnless(ctx, "conditional GET %d: %v", id, err)
	case resp.StatusCode == 304:
		if len(body) > 0 || mine < floor {
			m.fail("%d: 304 for edition %d after %d was purged, %d bytes", id, mine, floor, len(body))
		}
	case resp.StatusCode != 200 || versionOf(resp) < floor || !bytes.Equal(body, m.o.body(id, versionOf(resp))):
		m.fail("conditional GET %d with %s: status %d, %s after %d was purged, %d bytes", id, tagOf(mine), resp.StatusCode, resp.Header.Get("ETag"), floor, len(body))
	}
}

func (m *melee) head(ctx context.Context, rng *rand.Rand) {
	id := pick(rng)
	resp, body, floor, err := m.ask(ctx, "HEAD", id)
	switch {
	case err != nil:
		m.failUnless(ctx, "HEAD %d: %v", id, err)
	case resp.StatusCode != 200 || len(body) > 0 || versionOf(resp) < floor:
		m.fail("HEAD %d: status %d, %s after %d was purged, %d bytes", id, resp.StatusCode, resp.Header.Get("ETag"), floor, len(body))
	}
}

// leave asks for an object and goes before it has come.
func (m *melee) leave(ctx context.Context, rng *rand.Rand) {
	nc, err := connect(m.c.at(8080))
	if err != nil {
		m.failUnless(ctx, "connect: %v", err)
		return
	}
	defer nc.Close()
	_, _ = fmt.Fprintf(nc, "GET /o/%d HTTP/1.1\r\nHost: weir.test\r\n\r\n", pick(rng)) // it may be gone at once
	if rng.IntN(2) == 0 {
		_, _ = nc.Read(make([]byte, 100)) // as above
		_ = nc.(*net.TCPConn).SetLinger(0)
	}
}

// purge gives objects a new edition and purges the old one; then no request may see it. It leaves time for hits.
func (m *melee) purge(ctx context.Context, rng *rand.Rand) {
	pass(ctx, time.Duration(rng.IntN(30))*time.Millisecond)
	id := pick(rng)
	soft := rng.IntN(2) == 0
	var ids []int
	var what string
	switch n := rng.IntN(100); {
	case n < 93:
		ids, what = []int{id}, fmt.Sprintf(`{"key":"http://%s/o/%d","soft":%v}`, m.c.at(8080), id, soft)
	case n < 96: // /o/1, /o/10 … /o/199
		ids, what = beginWith("1"), fmt.Sprintf(`{"prefix":"http://%s/o/1","soft":%v}`, m.c.at(8080), soft)
	case n < 99:
		for k := id % 7; k < objects; k += 7 {
			ids = append(ids, k)
		}
		what = fmt.Sprintf(`{"tag":"t%d","soft":%v}`, id%7, soft)
	default:
		ids, what = beginWith(""), fmt.Sprintf(`{"all":true,"soft":%v}`, soft)
	}
	next := make([]int64, len(ids))
	for i, k := range ids {
		next[i] = m.o.objects[k].now.Add(1)
	}
	if err := m.c.purge(ctx, what); err != nil {
		m.failUnless(ctx, "purge %s: %v", what, err)
		return
	}
	for i, k := range ids {
		raise(&m.o.objects[k].floor, next[i])
	}
}

// beginWith are the objects whose number begins so.
func beginWith(prefix string) (ids []int) {
	for k := range objects {
		if strings.HasPrefix(strconv.Itoa(k), prefix) {
			ids = append(ids, k)
		}
	}
	return ids
}

func raise(floor *atomic.Int64, to int64) {
	for {
		was := floor.Load()
		if was >= to || floor.CompareAndSwap(was, to) {
			return
		}
	}
}

// purge asks the admin API.
func (c *child) purge(ctx context.Context, what string) error {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+c.at(9901)+"/purge", strings.NewReader(what))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if resp.StatusCode/100 != 2 {
		err = errors.Join(err, fmt.Errorf("status %d: %s", resp.StatusCode, said))
	}
	return err
}

// reload changes the store's size and the policy, four times a second.
func (m *melee) reload(ctx context.Context, rng *rand.Rand) {
	pass(ctx, 250*time.Millisecond)
	config := strings.NewReplacer("{size}", []string{"2MiB", "4MiB", "8MiB"}[rng.IntN(3)], "{grace}", []string{"1m", "2m"}[rng.IntN(2)]).Replace(crowdedStore)
	m.c.write(config)
	if status, v, err := m.c.tryReload(); err != nil || !v.OK {
		m.failUnless(ctx, "reload: %d, %+v: %v", status, v, err)
	}
}

// Fill, purge, reload, evict, range, 304 and clients that leave, all at once for a minute. With -race the child runs
// under the race detector too, and its cleanup fails the test if it found anything.
func TestSoakCacheMelee(t *testing.T) {
	o := &changing{}
	c := start(t, strings.NewReplacer("{size}", "4MiB", "{grace}", "1m").Replace(crowdedStore), "origin", serve(t, o))
	m := &melee{t: t, c: c, o: o, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}, Timeout: 3 * patience}}
	t.Cleanup(m.client.CloseIdleConnections)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var running sync.WaitGroup
	for i, work := range [...]func(context.Context, *rand.Rand){m.get, m.part, m.conditional, m.head, m.leave, m.purge, m.reload} {
		workers := []int{12, 4, 4, 2, 2, 2, 1}[i]
		for n := range workers {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(n)))
			running.Go(func() { // a worker; ends with ctx
				for ctx.Err() == nil {
					work(ctx, rng)
					m.uses[i].Add(1)
				}
			})
		}
	}
	running.Wait()
	c.alive()
	m.tell()
}

// tell says what was done, and demands that there was something of everything.
func (m *melee) tell() {
	m.t.Helper()
	for i, deed := range deeds {
		m.t.Logf("%-12s %d", deed, m.uses[i].Load())
		if m.uses[i].Load() < 50 {
			m.t.Errorf("only %d times %s", m.uses[i].Load(), deed)
		}
	}
	asks := m.uses[0].Load() + m.uses[1].Load() + m.uses[2].Load() + m.uses[3].Load()
	m.t.Logf("the origin was asked %d times for %d requests, and answered 304 to %d; %d clients got what they had; %d failed",
		m.o.asked.Load(), asks, m.o.renewed.Load(), m.again.Load(), m.failed.Load())
	if m.o.renewed.Load() == 0 || m.o.asked.Load() > asks {
		m.t.Errorf("%d requests reached the origin, %d were revalidations", m.o.asked.Load(), m.o.renewed.Load())
	}
	if n := m.c.metrics().value("weir_panics_total"); n != 0 {
		m.t.Errorf("%v panics", n)
	}
}
