package obs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
)

// openTest opens a log of every record to w (path "-") or to a file.
func openTest(t testing.TB, path string, w io.Writer) (*AccessLog, *Catalogue) {
	t.Helper()
	c := NewCatalogue(Build{})
	cfg := DefaultAccessLog()
	cfg.Path = path
	l, err := NewAccessLog(cfg, AccessLogNeeds{Stdout: w, Catalogue: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

// start runs l until the returned stop, which waits for the rest to be written.
func start(l *AccessLog) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // the log's writer; ends with ctx
		l.Run(ctx)
		close(done)
	}()
	return func() {
		cancel()
		<-done
	}
}

// lockedBuffer is a sink that tests may read while the log writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func sample() *Record {
	return &Record{
		Arrival: time.UnixMicro(1700000000123456), Client: netip.MustParseAddr("192.0.2.7"), Listener: "web",
		Proto: "HTTP/1.1", Method: []byte("GET"), Host: []byte("api.example.com"), Target: []byte("/v1/orders/17?page=2"),
		Route: "orders", Upstream: "orders", Endpoint: "10.0.0.1:8080", Status: 200, BytesOut: 1024,
		Duration: 1500 * time.Microsecond, FirstByte: 1400 * time.Microsecond, Attempts: 1,
		Verdicts: []Verdict{{"edge.headers", "continue"}},
	}
}

func TestLinesAreWrittenWithin200ms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		l, c := openTest(t, "-", &out)
		stop := start(l)
		l.Write(sample())
		<-time.After(200 * time.Millisecond) // by the bubble's clock
		synctest.Wait()
		if n := strings.Count(out.String(), "\n"); n != 1 {
			t.Errorf("%d lines after 200 ms, want 1", n)
		}
		stop()
		wantLine(t, c, "weir_access_log_lines_total 1")
	})
}

func TestTheEndOfRunWritesEverythingGathered(t *testing.T) {
	var out lockedBuffer
	l, c := openTest(t, "-", &out)
	stop := start(l)
	for range 3000 { // about 1 MiB: several blocks
		l.Write(sample())
	}
	stop()
	if n := strings.Count(out.String(), "\n"); n != 3000 {
		t.Errorf("%d lines after the end, want 3000", n)
	}
	l.Write(sample())
	wantLine(t, c, "weir_access_log_lines_total 3000")
	wantLine(t, c, "weir_access_log_dropped_total 1")
}

// gate is a sink that blocks until it is opened.
type gate struct {
	entered chan struct{}
	open    chan struct{}
	lockedBuffer
}

func (g *gate) Write(p []byte) (int, error) {
	select {
	case g.entered <- struct{}{}:
	default:
	}
	<-g.open
	return g.lockedBuffer.Write(p)
}

func TestABlockedSinkDropsLinesAndBlocksNobody(t *testing.T) {
	g := &gate{entered: make(chan struct{}, 1), open: make(chan struct{})}
	l, c := openTest(t, "-", g)
	stop := start(l)
	l.Write(sample())
	<-g.entered
	const lines = 20000 // about 8 MiB, twice the bound
	for range lines {
		l.Write(sample())
	}
	dropped := c.logDropped.Get()
	if dropped == 0 || dropped == lines {
		t.Errorf("%d of %d lines dropped, want some", dropped, lines)
	}
	if made := l.made.Load(); made > maxBlocks {
		t.Errorf("%d blocks made, bound is %d", made, maxBlocks)
	}
	close(g.open)
	stop()
	if got := uint64(strings.Count(g.String(), "\n")); got+dropped != lines+1 || got != c.logLines.Get() {
		t.Errorf("%d lines written (%d counted) and %d dropped of %d", got, c.logLines.Get(), dropped, lines+1)
	}
}

// script is a sink whose writes take so many bytes each, and fail if that is not all.
type script struct {
	takes []int
	out   bytes.Buffer
}

func (s *script) Write(p []byte) (int, error) {
	if len(s.takes) == 0 {
		return s.out.Write(p)
	}
	n := min(s.takes[0], len(p))
	s.takes = s.takes[1:]
	s.out.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

func TestAWriteCutInsideALineLeavesOneBadLine(t *testing.T) {
	w := &script{takes: []int{6, 0}}
	var log lockedBuffer
	s := sink{log: slog.New(slog.NewTextHandler(&log, nil)), at: &target{path: "-", w: w}}
	for i, want := range []int{1, 2, 0, 0} { // cut behind "one\n" and "tw"; the newline fails; all is well
		if lost := s.put([]byte("one\ntwo\n"), 2); lost != want {
			t.Errorf("write %d lost %d lines, want %d", i, lost, want)
		}
	}
	if got, want := w.out.String(), "one\ntw\none\ntwo\none\ntwo\n"; got != want {
		t.Errorf("written %q, want %q", got, want)
	}
	if got := log.String(); strings.Count(got, "dropped") != 1 || strings.Count(got, "again") != 1 {
		t.Errorf("logged once per change? %s", got)
	}
}

func TestReopenFollowsARotatedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	l, _ := openTest(t, path, nil)
	stop := start(l)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.Write(sample())
	stop()
	if b, err := os.ReadFile(path); err != nil || bytes.Count(b, []byte("\n")) != 1 {
		t.Errorf("the new file holds %q (%v), want one line", b, err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("mode %v (%v), want 0640", st.Mode(), err)
	}
}

func TestAFailedReopenKeepsTheOldFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l, _ := openTest(t, filepath.Join(dir, "access.log"), nil)
	stop := start(l)
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil {
		t.Error("Reopen in a directory that is gone succeeded")
	}
	l.Write(sample())
	stop()
	if b, err := os.ReadFile(filepath.Join(dir+".moved", "access.log")); err != nil || len(b) == 0 {
		t.Errorf("the old file holds %q (%v), want one line", b, err)
	}
}

func TestAPathThatCannotBeOpenedIsAnError(t *testing.T) {
	_, err := NewAccessLog(AccessLogConfig{Path: filepath.Join(t.TempDir(), "no", "such")}, AccessLogNeeds{Catalogue: NewCatalogue(Build{})})
	if err == nil || !strings.HasPrefix(err.Error(), "access log: open ") {
		t.Errorf("error %v", err)
	}
}

func TestSamplingKeepsWhatMustBeKept(t *testing.T) {
	fives, _ := conf.Statuses("5xx")
	none, second := conf.StatusSet{}, conf.Dur(time.Second)
	for _, tc := range []struct {
		name    string
		percent float64
		always  AlwaysConfig
		status  int
		d       time.Duration
		want    float64
	}{
		{"all", 100, AlwaysConfig{none, conf.OffDuration}, 200, 0, 1},
		{"none", 0, AlwaysConfig{none, conf.OffDuration}, 500, time.Hour, 0},
		{"none but 5xx: a 500", 0, AlwaysConfig{fives, conf.OffDuration}, 500, 0, 1},
		{"none but 5xx: a 200", 0, AlwaysConfig{fives, conf.OffDuration}, 200, 0, 0},
		{"none but slow: 1 s", 0, AlwaysConfig{none, second}, 200, time.Second, 1},
		{"none but slow: less", 0, AlwaysConfig{none, second}, 200, time.Second - 1, 0},
		{"a quarter", 25, AlwaysConfig{fives, second}, 200, 0, 0.25},
	} {
		k := newKeep(AccessLogConfig{Path: "-", Sample: conf.Percent(tc.percent), Always: tc.always})
		kept := 0
		for range 20000 {
			if k.wants(tc.status, tc.d) {
				kept++
			}
		}
		if got := float64(kept) / 20000; got < tc.want-0.03 || got > tc.want+0.03 {
			t.Errorf("%s: %.3f kept, want %.2f", tc.name, got, tc.want)
		}
	}
}

func TestNothingIsWrittenOfWhatSamplingLeavesOut(t *testing.T) {
	var out lockedBuffer
	cfg := AccessLogConfig{Path: "-", Sample: conf.Percent(0)}
	cfg.Always.Status, _ = conf.Statuses("404")
	l, err := NewAccessLog(cfg, AccessLogNeeds{Stdout: &out, Catalogue: NewCatalogue(Build{})})
	if err != nil {
		t.Fatal(err)
	}
	stop := start(l)
	for _, status := range []int{200, 404, 500, 404} {
		r := sample()
		r.Status = status
		l.Write(r)
	}
	stop()
	if n := strings.Count(out.String(), `"status":404`); n != 2 || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("written: %s", out.String())
	}
}

func TestALogThatIsOffKeepsNothing(t *testing.T) {
	l, c := openTest(t, "", nil)
	stop := start(l)
	l.Write(sample())
	stop()
	if n := c.logLines.Get() + c.logDropped.Get() + uint64(l.made.Load()); n != 0 {
		t.Errorf("%d lines or blocks", n)
	}
	l = nil
	l.Write(sample())
	l.Close()
	if err := l.Reopen(); err != nil {
		t.Error(err)
	}
}

// lines counts the lines of a file; a missing one has -1.
func lines(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		return -1
	}
	return bytes.Count(b, []byte("\n"))
}

func TestAReloadMovesTheLogAndChangesWhatItKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first, second := filepath.Join(dir, "1"), filepath.Join(dir, "2")
		var out lockedBuffer
		l, c := openTest(t, first, &out)
		stop := start(l)
		write := func() {
			l.Write(sample())
			<-time.After(200 * time.Millisecond) // by the bubble's clock
			synctest.Wait()
		}
		change := func(edit func(*AccessLogConfig)) {
			cfg := DefaultAccessLog()
			edit(&cfg)
			next, err := l.Prepare(cfg)
			if err != nil {
				t.Fatal(err)
			}
			next.Publish()
		}
		write()
		change(func(cfg *AccessLogConfig) { cfg.Path = second })
		write()
		change(func(cfg *AccessLogConfig) { cfg.Path, cfg.Sample = second, conf.Percent(0) })
		write() // left out
		change(func(cfg *AccessLogConfig) {})
		write() // off
		change(func(cfg *AccessLogConfig) { cfg.Path = "-" })
		write()
		stop()
		if a, b, o := lines(t, first), lines(t, second), strings.Count(out.String(), "\n"); a != 1 || b != 1 || o != 1 {
			t.Errorf("%d, %d and %d lines in the first file, the second and stdout; want one each", a, b, o)
		}
		wantLine(t, c, "weir_access_log_lines_total 3")
		wantLine(t, c, "weir_access_log_dropped_total 0")
	})
}

func TestARefusedReloadLeavesTheLogAsItWas(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	l, _ := openTest(t, first, nil)
	stop := start(l)
	if _, err := l.Prepare(AccessLogConfig{Path: filepath.Join(dir, "no", "such")}); err == nil {
		t.Error("a path that can't be opened is taken")
	}
	next, err := l.Prepare(AccessLogConfig{Path: second}) // and sample 0%
	if err != nil {
		t.Fatal(err)
	}
	next.Undo()
	l.Write(sample())
	stop()
	if a, b := lines(t, first), lines(t, second); a != 1 || b != 0 {
		t.Errorf("%d and %d lines, want 1 and 0", a, b)
	}
}

func TestTurningTheLogOffBehindABlockedSinkDoesNotWait(t *testing.T) {
	g := &gate{entered: make(chan struct{}, 1), open: make(chan struct{})}
	l, c := openTest(t, "-", g)
	stop := start(l)
	l.Write(sample())
	<-g.entered
	l.Write(sample()) // still in memory when the log goes off
	next, err := l.Prepare(DefaultAccessLog())
	if err != nil {
		t.Fatal(err)
	}
	next.Publish()
	close(g.open)
	stop()
	wantLine(t, c, "weir_access_log_lines_total 1")
	wantLine(t, c, "weir_access_log_dropped_total 1")
}

func TestRotationUnderLoadLosesNoLine(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	l, c := openTest(t, path, nil)
	stop := start(l)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 1000 {
				l.Write(sample())
			}
		})
	}
	for i := range 20 {
		if err := os.Rename(path, filepath.Join(dir, fmt.Sprint("old", i))); err != nil {
			t.Fatal(err)
		}
		if err := l.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	stop()
	got := lines(t, path)
	for i := range 20 {
		got += lines(t, filepath.Join(dir, fmt.Sprint("old", i)))
	}
	if want := 4000 - int(c.logDropped.Get()); got != want {
		t.Errorf("%d lines in all files, want %d", got, want)
	}
}

func TestALineLongerThanABlockIsWrittenWhole(t *testing.T) {
	var out lockedBuffer
	l, _ := openTest(t, "-", &out)
	stop := start(l)
	r := sample()
	r.Target = bytes.Repeat([]byte{1}, 3*blockSize)
	l.Write(r)
	stop()
	if n := len(out.String()); n < 18*blockSize || l.made.Load() != 0 {
		t.Errorf("%d bytes written, %d blocks kept; want the whole line and no grown block", n, l.made.Load())
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	var out lockedBuffer
	l, c := openTest(t, "-", &out)
	stop := start(l)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				l.Write(sample())
			}
		})
	}
	all.Wait()
	stop()
	if n := strings.Count(out.String(), "\n"); n+int(c.logDropped.Get()) != 4000 {
		t.Errorf("%d lines and %d drops of 4000", n, c.logDropped.Get())
	}
}

func TestWriteDoesNotAllocate(t *testing.T) {
	l, _ := openTest(t, "-", io.Discard)
	defer start(l)()
	r := sample()
	for range 200000 { // all blocks made
		l.Write(r)
	}
	if n := testing.AllocsPerRun(5000, func() { l.Write(r) }); n != 0 {
		t.Fatalf("Write allocates %v times", n)
	}
}

func BenchmarkAccessLogWrite(b *testing.B) {
	l, c := openTest(b, "-", io.Discard)
	defer start(l)()
	r := sample()
	b.ReportAllocs()
	for b.Loop() {
		l.Write(r)
	}
	b.ReportMetric(float64(c.logDropped.Get())/float64(b.N), "dropped/op")
}

func BenchmarkAccessLogWriteParallel(b *testing.B) {
	l, c := openTest(b, "-", io.Discard)
	defer start(l)()
	b.RunParallel(func(pb *testing.PB) {
		r := sample()
		for n := 0; pb.Next(); n++ {
			l.Write(r)
			if n%64 == 0 {
				runtime.Gosched() // as a connection that waits would: the writer needs a core at times
			}
		}
	})
	b.ReportMetric(float64(c.logDropped.Get())/float64(b.N), "dropped/op")
}
