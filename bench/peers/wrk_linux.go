package peers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strings"
	"time"
)

// wrkOf finds the wrk that the options ask for; "": none.
func wrkOf(o *Options) (string, error) {
	switch o.Wrk {
	case "off":
		return "", nil
	case "":
		path, _ := lookup("wrk")
		return path, nil
	}
	path, ok := lookup(o.Wrk)
	if !ok {
		return "", fmt.Errorf("%w: there is no program %s", ErrUsage, o.Wrk)
	}
	return path, nil
}

// wrkVersion asks wrk, which ends with an error after it has said it.
func wrkVersion(program string) string {
	out, _ := ask(program, "-v")
	text, _, _ := strings.Cut(strings.TrimSpace(string(out)), " Copyright")
	return text
}

// byWrk measures a round whose load is wrk, on the core of the endpoint. It has no warm-up of its own: our round has
// just been.
func (st *stage) byWrk(ctx context.Context, c *child) (Sample, error) {
	st.origin.begin(st.scenario)
	before, err := st.read(c)
	if err != nil {
		return Sample{}, err
	}
	cmd := exec.Command(st.wrk, st.wrkArgs(c)...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	// Its core is this thread's, which it inherits.
	if err := cmd.Start(); err != nil {
		return Sample{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // the goroutine that notices wrk's end
	if err := st.serve(ctx, ended); err != nil {
		// It may have ended meanwhile.
		_ = cmd.Process.Kill()
		return Sample{}, err
	}
	answers, ok := wrkAnswers(out.String())
	if !ok {
		return Sample{}, fmt.Errorf("bench peers: wrk says: %s", strings.Join(strings.Fields(out.String()), " "))
	}
	sample, err := st.since(before, answers, nil)
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	sample.LoadBusy += float64(used) / float64(nanos()-before.wall)
	return sample, err
}

func (st *stage) wrkArgs(c *child) []string {
	// It counts in whole seconds.
	seconds := int(math.Ceil(st.options.Round.Seconds()))
	args := []string{"-t1", fmt.Sprintf("-c%d", st.connections), fmt.Sprintf("-d%d", seconds), "-H", "Host: " + hostName}
	for _, f := range st.scenario.Fields {
		args = append(args, "-H", f)
	}
	return append(args, fmt.Sprintf("http://127.0.0.1:%d%s", st.port(c), target))
}

// serve is the endpoint until another's work has ended.
func (h *harness) serve(ctx context.Context, ended <-chan error) error {
	for end := nanos() + int64(2*h.options.Round+10*time.Second); nanos() < end; {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if err := h.loop.turn(10); err != nil {
			return err
		}
	}
	return errors.New("bench peers: the load does not end")
}
