package cache

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/cache/store"
)

// page is a page of the stress test's origin: each change makes another version of it.
type page struct {
	now     atomic.Int64 // what the origin says
	settled atomic.Int64 // what every later answer must be at least
}

const stressPages = 40

// stressed is an origin whose pages change, and whose answers sometimes break off.
type stressed struct{ pages [stressPages]page }

// text is what version n of a page says, so that a part of it can be told from any other.
func text(url string, n int64) string {
	line := fmt.Sprintf("%s;%d;", url, n)
	return strings.Repeat(line, 1+int(n*37%400)*(1+len(url)%3)*8)
}

func (s *stressed) answer(a asked, _ int) said {
	i, _ := strconv.Atoi(strings.TrimPrefix(a.path, "/p"))
	p := &s.pages[i]
	if a.method == "POST" {
		return said{status: 204, head: "X-Version: " + strconv.FormatInt(p.now.Add(1), 10)}
	}
	n := p.now.Load()
	tag := fmt.Sprintf("\"%d\"", n)
	head := "Cache-Control: max-age=3600\nSurrogate-Key: t" + strconv.Itoa(i%4) + "\nETag: " + tag
	if a.h["if-none-match"] == tag {
		return said{status: 304, head: head}
	}
	body := text(a.path, n)
	if i%3 == 0 {
		head += "\nVary: X-Kind"
		body = a.h["x-kind"] + body
	}
	r := said{head: head, chunks: []string{body[:len(body)/2], body[len(body)/2:]}}
	switch rand.IntN(10) {
	case 0:
		r.cut, r.length, r.chunks = true, int64(len(body)), r.chunks[:1]
	case 1:
		r.length = -1
	case 2:
		r.after = time.Millisecond
	case 3:
		r.after, r.length = time.Microsecond, -1
	}
	return r
}

// judge reports what is wrong with an answer to a GET of a page, "" if nothing is.
func (s *stressed) judge(g got, url, kind string, i int, atLeast int64, part string) string {
	switch {
	case g.status == 502 || !g.whole:
		return ""
	case g.status != 200 && g.status != 206 && g.status != 416:
		return "the status"
	case g.status == 416:
		return ""
	}
	version := strings.Trim(g.h["etag"], `"`)
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || n < atLeast || n > s.pages[i].now.Load() {
		return fmt.Sprintf("version %s, want at least %d", version, atLeast)
	}
	want := text(url, n)
	if i%3 == 0 {
		want = kind + want
	}
	if g.status == 206 {
		var from, to int
		if _, err := fmt.Sscanf(g.h["content-range"], "bytes %d-%d/", &from, &to); err != nil {
			return "Content-Range " + g.h["content-range"]
		}
		want = want[from : to+1]
	}
	if g.body != want {
		return fmt.Sprintf("%d bytes that are not those of version %d, which has %d", len(g.body), n, len(want))
	}
	return ""
}

func TestWhateverHappensAtOnceNobodyGetsAWrongAnswer(t *testing.T) {
	visits = sync.Pool{New: visits.New}
	origin := new(stressed)
	c, err := New(store.Smallest*2, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var worlds [2]*world // two configs, as in a reload
	for i := range worlds {
		worlds[i] = &world{t: t, c: c, origin: origin.answer}
		worlds[i].reload(func(cfg *Config) {
			if i == 1 {
				cfg.MaxObject, cfg.Wait = conf100KiB, seconds(1)
			}
		})
	}
	var wg sync.WaitGroup
	end := time.Now().Add(time.Second)
	for range 16 {
		wg.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				stressOnce(t, worlds[rand.IntN(2)], origin)
			}
		})
	}
	wg.Wait()
	for _, w := range worlds {
		w.wg.Wait()
	}
	for c.counts.filling.Load() > 0 {
		<-time.After(time.Millisecond)
	}
	t.Logf("%+v", c.Stats())
	if n := c.Stats(); n.Waiting != 0 || worlds[0].taken.Load()+worlds[1].taken.Load() != worlds[0].closed.Load()+worlds[1].closed.Load() {
		t.Errorf("left behind: %+v", n)
	}
}

// stressOnce does something.
func stressOnce(t *testing.T, w *world, origin *stressed) {
	i := rand.IntN(stressPages)
	url, p := "/p"+strconv.Itoa(i), &origin.pages[i]
	switch n := rand.IntN(100); {
	case n < 2:
		purge := []Purge{{URL: "http://example.com" + url}, {Prefix: "http://example.com/p1"}, {Tag: "t1"}, {All: true}}[rand.IntN(4)]
		purge.Soft = rand.IntN(2) == 0
		if err := w.c.Purge(purge); err != nil {
			t.Error(err)
		}
	case n < 6:
		g := w.do("POST " + url)
		version, _ := strconv.ParseInt(g.h["x-version"], 10, 64)
		for old := p.settled.Load(); old < version && !p.settled.CompareAndSwap(old, version); old = p.settled.Load() {
		}
	case n < 8: // a client that leaves
		x := w.request("GET " + url)
		if v := w.p.Request(x); v.Act == http7.Go {
			w.send(x)
			w.see(x)
		}
		w.end(x)
	case n < 9:
		w.c.Resize(int64(1+rand.IntN(2)) * store.Smallest)
	default:
		atLeast, kind := p.settled.Load(), string(bytes.Repeat([]byte{'k'}, rand.IntN(3)))
		fields := []string{"X-Kind: " + kind}
		switch rand.IntN(8) {
		case 0:
			fields = append(fields, fmt.Sprintf("Range: bytes=%d-%d", rand.IntN(2000), rand.IntN(2000)+2000))
		case 1:
			fields = append(fields, "Cache-Control: no-cache")
			atLeast = p.now.Load() // the endpoint's word is no older than the request
		}
		g := w.do("GET "+url, fields...)
		if wrong := origin.judge(g, url, kind, i, atLeast, ""); wrong != "" {
			t.Errorf("%s: %s: %d %s %s", url, wrong, g.status, g.cached, g.h["cache-status"])
		}
	}
}
