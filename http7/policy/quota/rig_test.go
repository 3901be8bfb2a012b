package quota

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/tally"
)

// newProcess is one whose policies keep files in dir.
func newProcess(dir string) *policytest.Process {
	p := policytest.NewProcess()
	p.StateDir = dir
	return p
}

// of returns the default but for what change changes: five a day.
func of(change func(*Config)) *Config {
	c := Default()
	c.Limit, c.Per = 5, "day"
	if change != nil {
		change(&c)
	}
	return &c
}

func keyed(texts ...string) func(*Config) {
	return func(c *Config) { c.Key = policytest.Values[conf.Selector](texts...) }
}

func compiled(t testing.TB, c *Config, needs *policy.Needs) http7.Step {
	t.Helper()
	steps, err := Compile(c, "edge", needs)
	if err != nil || len(steps) != 1 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	return steps[0]
}

// noon returns the step of c at a noon that does not pass, without a file.
func noon(t testing.TB, c *Config) http7.Step {
	s := compiled(t, c, policytest.NewProcess().Needs())
	q := s.Request.(*quota)
	at := time.Date(2026, 1, 30, 12, 0, 0, 0, time.UTC)
	q.held.book = tally.New(q.per, c.Keys, func() time.Time { return at })
	return s
}

func from(client string) *http7.Exchange {
	return &http7.Exchange{Method: []byte("GET"), Path: []byte("/"), Client: netip.MustParseAddr(client)}
}

func admitted(s http7.Step, client string) (n int) {
	for ; ; n++ {
		x := from(client)
		v := s.Request.Request(x)
		if s.End.End(x, x.Word); v.Act != http7.Go {
			return n
		}
	}
}

// tells passes x through s, and returns the fields that the client gets, behind the status of a refusal.
func tells(s http7.Step, x *http7.Exchange) string {
	status := ""
	if v := s.Request.Request(x); v.Act == http7.Reply {
		http7.FaultAnswer(x, v.Fault)
		status = strconv.Itoa(x.Answer.Status) + " "
		for x.Answer.Header.Len() > 0 { // those of every fault
			x.Answer.Header.DelAt(0)
		}
	} else {
		x.LocalAnswer(200)
	}
	if s.Response != nil {
		s.Response.Response(x)
	}
	s.End.End(x, x.Word)
	return status + strings.ReplaceAll(string(x.Answer.Header.AppendLines(nil, 0)), "\r\n", "\n")
}
