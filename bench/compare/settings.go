package compare

import (
	"fmt"
	"slices"
	"strings"

	"weir/bench"
)

// setting is one thing that should be the same in all runs.
type setting struct{ name, value string }

func settingsOf(r *bench.Report) []setting {
	s, m := &r.Settings, &r.Machine
	return []setting{
		{"the protocol", s.Protocol},
		{"the loop", s.Loop},
		{"the rate", s.Rate},
		{"the number of connections", fmt.Sprint(s.Connections)},
		{"the number of workers", fmt.Sprint(s.Workers)},
		{"the number of threads", fmt.Sprint(s.Threads)},
		{"fresh connections", fmt.Sprint(s.FreshConnections)},
		{"the duration", s.Duration.String()},
		{"the number of requests", fmt.Sprint(s.Requests)},
		{"the warm-up", s.Warmup.String()},
		{"the timeout", s.Timeout.String()},
		{"the machine", strings.Join([]string{m.OS, m.Arch, m.CPU, fmt.Sprint(m.Cores, " cores")}, " ")},
		{"the kernel", m.Kernel},
		{"the Go version", m.Go},
	}
}

// warnings lists the reasons to doubt a comparison.
func warnings(a, b []Input) []string {
	all := slices.Concat(a, b)
	out := []string{}
	out = append(out, differing(all)...)
	for i, in := range all {
		if in.Report.CutShort {
			out = append(out, fmt.Sprintf("%s was cut short after %.1f s", in.Name, in.Report.Elapsed.Seconds()))
		}
		for _, other := range all[:i] {
			if sameRun(in.Report, other.Report) {
				out = append(out, fmt.Sprintf("%s and %s are the same run", other.Name, in.Name))
			}
		}
	}
	if len(a) == 1 || len(b) == 1 {
		out = append(out, "a side has one run, which does not show how much runs differ; three a side do")
	}
	return out
}

// differing names the settings that are not the same everywhere, with who has which.
func differing(all []Input) []string {
	var out []string
	for i, s := range settingsOf(all[0].Report) {
		var values []string
		who := map[string][]string{}
		for _, in := range all {
			v := settingsOf(in.Report)[i].value
			if who[v] == nil {
				values = append(values, v)
			}
			who[v] = append(who[v], in.Name)
		}
		if len(values) == 1 {
			continue
		}
		var said []string
		for _, v := range values {
			text := v
			if text == "" {
				text = "none"
			}
			said = append(said, fmt.Sprintf("%s (%s)", text, strings.Join(who[v], ", ")))
		}
		out = append(out, fmt.Sprintf("%s differs: %s", s.name, strings.Join(said, "; ")))
	}
	return out
}

func sameRun(a, b *bench.Report) bool {
	return a == b || !a.Started.IsZero() && a.Started.Equal(b.Started) && a.Elapsed == b.Elapsed && a.Requests == b.Requests
}

// warnOfLate says that seconds of a side are left out.
func (r *Result) warnOfLate(name string, s *side) {
	if s.late > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d of %d s of %s are left out: the generator itself was late in them",
			s.late, s.late+s.blocks(), name))
	}
}
