package peers

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// harness is one comparison under way. One goroutine, locked to its thread, owns it.
type harness struct {
	options Options
	dir     string
	memory  string // a folder in memory; "": there is none here
	wrk     string // the program; "": none
	loop    *loop
	origin  *origin
	shown   *certificate
	self    []int // this process
	files   int   // descriptors that this process, and each proxy, may have
	found   []peer
	result  *Result
}

// Run compares. It blocks for the sum over scenarios and points of about rounds × proxies × (Round + Warmup) and pins
// this process's threads to one core meanwhile. It returns an error that wraps ErrUsage for wrong options, another
// where measuring is not possible at all. When ctx ends it returns what was measured until then, marked as CutShort.
// A proxy that does not start or breaks leaves a Note in its row and a reason in Invalid, and no error.
func Run(ctx context.Context, options Options) (*Result, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	options.fill()
	scenarios, err := options.scenarios()
	if err != nil {
		return nil, err
	}
	found, missing, err := line(&options)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("bench peers: nothing to compare: no Weir given, not installed: %v", missing)
	}
	wrk, err := wrkOf(&options)
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	h, err := open(options, found, wrk)
	if err != nil {
		return nil, err
	}
	defer h.close()
	h.result.Missing = missing
	unpin, err := h.pin()
	if err != nil {
		return nil, err
	}
	defer unpin()
	return h.result, h.run(ctx, scenarios)
}

// run measures every scenario at every point.
func (h *harness) run(ctx context.Context, scenarios []Scenario) error {
	for i := range scenarios {
		for _, point := range scenarios[i].points() {
			if ctx.Err() != nil {
				h.result.CutShort = true
				return nil
			}
			st := h.stageOf(&scenarios[i], point)
			err := st.prepare()
			switch {
			case err != nil:
			case st.scenario.Kind == Idle:
				err = h.idle(ctx, st)
			default:
				err = h.compare(ctx, st)
			}
			if err != nil {
				return fmt.Errorf("bench peers: %s: %w", st.label(), err)
			}
		}
	}
	h.result.CutShort = ctx.Err() != nil
	return nil
}

// pin chooses the cores and moves this process to its own.
func (h *harness) pin() (undo func(), err error) {
	h.result.ProxyCore, h.result.LoadCore = cores()
	if h.result.LoadCore < 0 {
		return func() {}, nil
	}
	return pinSelf(h.result.LoadCore)
}

func open(options Options, found []peer, wrk string) (*harness, error) {
	// The daemons may run as another user, who must be able to enter.
	dir, err := os.MkdirTemp("", "weir-peers-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		return nil, err
	}
	h := &harness{options: options, dir: dir, memory: inMemory(), wrk: wrk, found: found, self: []int{os.Getpid()}, files: moreFiles()}
	h.result = &Result{
		Subject: found[0].name, When: time.Now(), Machine: machine(),
		Round: options.Round, Warmup: options.Warmup, Connections: options.Connections,
		Versions: make(map[string]string), Configs: make(map[string]string),
	}
	if wrk != "" {
		h.result.Versions["wrk"] = wrkVersion(wrk)
	}
	for i := range found {
		h.result.Versions[found[i].name] = found[i].versionOf()
	}
	if h.loop, err = newLoop(); err == nil {
		h.origin, err = newOrigin(h.loop)
	}
	if err == nil {
		h.shown, err = newCertificate()
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *harness) close() {
	if h.loop != nil {
		h.loop.close()
	}
	os.RemoveAll(h.dir)
	if h.memory != "" {
		os.RemoveAll(h.memory)
	}
}

// inMemory makes a folder that daemons can enter, on the file system that Linux keeps in memory; "": there is none.
func inMemory() string {
	dir, err := os.MkdirTemp("/dev/shm", "weir-peers-")
	if err != nil || os.Chmod(dir, 0o755) != nil {
		return ""
	}
	return dir
}

// start starts one proxy for a stage, in a folder of its own.
func (h *harness) start(ctx context.Context, p peer, at setup) (_ *child, err error) {
	if at.Port, err = freePort(); err != nil {
		return nil, err
	}
	if at.Admin, err = freePort(); err != nil {
		return nil, err
	}
	c, err := start(ctx, p, at, h.result.ProxyCore)
	if err == nil && h.result.Configs[p.name] == "" {
		// The first stage is the plainest; a config that can't be read back is not shown.
		text, _ := os.ReadFile(filepath.Join(at.Dir, p.name+"-"+p.conf))
		h.result.Configs[p.name] = string(text)
	}
	return c, err
}

// freePort returns a loopback port that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
