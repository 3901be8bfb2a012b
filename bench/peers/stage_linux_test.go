package peers

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAStageHasTheConnectionsAndRoundsOfItsScenario(t *testing.T) {
	h := openHarness(t, Options{IdleConnections: 500}, peer{name: "none"})
	want := map[string][]struct{ point, connections, rounds, most int }{
		"small":           {{0, 64, 7, 1200}},
		"headers":         {{0, 64, 7, 1200}},
		"shaped-small":    {{0, 64, 7, 1200}},
		"shaped-headers":  {{0, 64, 7, 1200}},
		"large":           {{0, 64, 5, 1200}},
		"upload":          {{0, 64, 5, 1200}},
		"tls":             {{0, 64, 5, 1200}},
		"h2":              {{0, 8, 5, 1025}},
		"handshake":       {{0, 16, 5, 1050}},
		"cache":           {{0, 64, 5, 1200}},
		"cache-many":      {{0, 64, 5, 11_200}},
		"l4-small":        {{0, 64, 5, 1200}},
		"l4-bulk":         {{0, 8, 5, 1025}},
		"idle":            {{0, 500, 0, 2562}},
		"scale-routes":    {{1, 64, 3, 1200}, {100, 64, 3, 1200}, {10_000, 64, 3, 1200}},
		"scale-endpoints": {{2, 64, 3, 1208}, {10, 64, 3, 1240}, {100, 64, 3, 1600}, {1000, 64, 3, 5200}},
		"scale-conns":     {{64, 64, 3, 1200}, {1000, 1000, 3, 4125}, {10_000, 10_000, 3, 14_250}},
	}
	for _, s := range Scenarios() {
		points := s.points()
		if len(points) != len(want[s.Name]) {
			t.Fatalf("%s has points %v", s.Name, points)
		}
		for i, point := range points {
			c := want[s.Name][i]
			st := h.stageOf(&s, point)
			if st.point != c.point || st.connections != c.connections || st.rounds != c.rounds || st.at.Most != c.most {
				t.Errorf("%s: point %d, %d connections, %d rounds, %d at most; want %+v", s.Name, st.point, st.connections, st.rounds, st.at.Most, c)
			}
		}
	}
}

func TestOptionsGoBeforeTheScenariosRounds(t *testing.T) {
	h := openHarness(t, Options{Rounds: 2, Connections: 4}, peer{name: "none"})
	for _, c := range []struct {
		s                   Scenario
		rounds, connections int
	}{
		{Scenario{Rounds: 7}, 2, 4},
		{Scenario{Rounds: 5, Kind: Bulk}, 2, 4},
		{Scenario{Rounds: 5, Kind: Handshake}, 2, 1},
		{Scenario{Rounds: 3, Axis: Connections}, 2, 100},
	} {
		if st := h.stageOf(&c.s, 100); st.rounds != c.rounds || st.connections != c.connections {
			t.Errorf("%+v: %d rounds, %d connections", c, st.rounds, st.connections)
		}
	}
}

func TestPreparingAStageOpensItsEndpointsAndItsBlocks(t *testing.T) {
	h := openHarness(t, Options{}, peer{name: "none"})
	h.wrk = "/bin/true"
	for _, c := range []struct {
		s                  Scenario
		point              int
		endpoints, blocks  int
		crossed            bool
		direct, descriptor int
	}{
		{Scenario{Name: "small", Wrk: true}, 0, 1, 2, true, 1, 531},
		{Scenario{Name: "headers"}, 0, 1, 3, false, 1, 531},
		{Scenario{Name: "many", Axis: Endpoints}, 20, 20, 4, false, 0, 64 + 64 + 40 + 20 + 400},
		{Scenario{Name: "idle", Kind: Idle}, 0, 1, 4, false, 1, 10_000 + 1002 + 20 + 400},
	} {
		st := h.stageOf(&c.s, c.point)
		if err := st.prepare(); err != nil {
			t.Fatal(err)
		}
		if len(st.at.Origins) != c.endpoints || len(h.result.Blocks) != c.blocks || (st.cross >= 0) != c.crossed {
			t.Errorf("%s: %d endpoints, %d blocks, crossed at %d; want %+v", c.s.Name, len(st.at.Origins), len(h.result.Blocks), st.cross, c)
		}
		if c.crossed && h.result.Blocks[st.cross].Generator != "wrk" {
			t.Errorf("%s: the second block is by %q", c.s.Name, h.result.Blocks[st.cross].Generator)
		}
		if got := st.descriptors(); got != c.descriptor {
			t.Errorf("%s needs %d descriptors, want %d", c.s.Name, got, c.descriptor)
		}
	}
}

func TestTooFewDescriptorsAreSaidInsteadOfMeasured(t *testing.T) {
	o := relayOptions(t)
	h := openHarness(t, o, weirPeer("relay", o.Weir))
	h.files = 400
	s := Scenario{Name: "small", Rounds: 1, AnswerBytes: oneKiB}
	idle := Scenario{Name: "idle", Kind: Idle, AnswerBytes: oneKiB}
	if err := h.run(t.Context(), []Scenario{s, idle}); err != nil || h.result.Invalid != nil {
		t.Fatalf("%v, %q", err, h.result.Invalid)
	}
	if row := h.result.Blocks[0].find("relay"); row.Note != "it needs 411 descriptors of the 400 allowed here" || len(row.Samples) != 0 {
		t.Errorf("got %+v", row)
	}
	if row := h.result.Idle[0]; !strings.Contains(row.Note, "descriptors of the 400 allowed here") {
		t.Errorf("got %+v", row)
	}
}

func TestEverySecondRoundGoesTheOtherWay(t *testing.T) {
	o := relayOptions(t)
	var said strings.Builder
	o.Progress, o.Rounds = &said, 3
	o.Scenarios = []string{"large"}
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	var order []string
	for l := range strings.Lines(said.String()) {
		order = append(order, strings.Fields(l)[2])
	}
	if want := []string{Direct, "relay", "relay", Direct, Direct, "relay"}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
}

func TestABrokenProxyIsNotedWithOneLine(t *testing.T) {
	var said strings.Builder
	h := openHarness(t, Options{Progress: &said}, peer{name: "none"})
	st := h.stageOf(&Scenario{Name: "scale-routes", Axis: Routes}, 100)
	if err := st.prepare(); err != nil {
		t.Fatal(err)
	}
	st.breaks("x", errors.New("bench peers: first line\nsecond line"))
	if row := h.result.Blocks[0].find("x"); row.Note != "first line" {
		t.Errorf("noted as %q", row.Note)
	}
	if want := []string{"scale-routes, 100 routes, x: first line"}; !slices.Equal(h.result.Invalid, want) {
		t.Errorf("got %q, want %q", h.result.Invalid, want)
	}
	if !strings.Contains(said.String(), "BROKEN: first line") || strings.Count(said.String(), "\n") != 1 {
		t.Errorf("said %q", said.String())
	}
}

func TestTheMachineIsThisOne(t *testing.T) {
	m := machine()
	if m.Cores != runtime.NumCPU() || m.Go != runtime.Version() || !strings.HasPrefix(m.Kernel, "Linux ") || m.Memory < 64<<20 {
		t.Errorf("got %+v", m)
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil || !strings.Contains(string(text), fmt.Sprintf(" %d kB", m.Memory>>10)) {
		t.Errorf("%d bytes of memory are not in /proc/meminfo, %v", m.Memory, err)
	}
}

func TestDescriptorsAreRaisedAsFarAsTheyMay(t *testing.T) {
	var before, after syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	n := moreFiles()
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &after); err != nil {
		t.Fatal(err)
	}
	if uint64(n) != min(after.Cur, 1<<30) || after.Max < before.Max || after.Cur < before.Cur || after.Cur != after.Max {
		t.Errorf("%d, from %+v to %+v", n, before, after)
	}
	if again := moreFiles(); again != n {
		t.Errorf("asked again: %d, was %d", again, n)
	}
}

func TestSpinningEndsWhenItMust(t *testing.T) {
	h := openHarness(t, Options{}, peer{name: "none"})
	h.origin.begin(&Scenario{})
	h.origin.answer = []byte(small)
	d := newLoad(h.loop, h.origin.ports[0], &Scenario{}, 0)
	defer d.disconnect()
	if err := d.connect(1); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		long, most time.Duration
		enough     int64
	}{
		"the time is up, with enough":   {30 * time.Millisecond, time.Minute, 1},
		"there is never enough":         {time.Millisecond, 30 * time.Millisecond, 1 << 60},
		"enough comes after the time":   {0, time.Minute, 20},
		"nothing is asked for any more": {30 * time.Millisecond, 30 * time.Millisecond, 0},
	} {
		d.reset()
		begin := time.Now()
		err := h.spin(t.Context(), d, c.long, c.most, c.enough)
		took := time.Since(begin)
		if err != nil || took < c.long || took > c.most+20*time.Second || (c.most == time.Minute && d.answers < c.enough) {
			t.Errorf("%s: %v after %v, %d answers", what, err, took, d.answers)
		}
	}
}
