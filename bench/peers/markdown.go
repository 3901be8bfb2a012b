package peers

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Markdown writes the result as a page: machine, programs, settings, every table, each proxy's config.
func (r *Result) Markdown(w io.Writer) error {
	p := &page{result: r}
	p.opening()
	p.machine()
	p.settings()
	p.summary()
	p.scenarios()
	p.idle()
	p.crossChecks()
	p.limits()
	p.configs()
	_, err := io.WriteString(w, p.String())
	return err
}

// page is the text under way.
type page struct {
	strings.Builder
	result *Result
}

func (p *page) say(format string, args ...any) { fmt.Fprintf(&p.Builder, format+"\n", args...) }

// table begins a table of figures; row adds to it.
func (p *page) table(heads ...string) {
	p.say("")
	p.row(heads...)
	p.say("|---%s|", strings.Repeat("|---:", len(heads)-1))
}

// list begins a table of words.
func (p *page) list() {
	p.say("")
	p.row("", "")
	p.say("|---|---|")
}

func (p *page) row(cells ...string) { p.say("| %s |", strings.Join(cells, " | ")) }

func (p *page) opening() {
	r := p.result
	p.say("# Benchmarks")
	p.say("")
	p.say("What a request costs in %s and in the other proxies of one machine: CPU time of all of a proxy's processes, user and", r.Subject)
	p.say("system, divided by the answers that came. Written by `weir bench peers --doc` (`make bench`) on %s;", r.When.UTC().Format(time.DateOnly))
	p.say("don't edit it. How it measures: [bench/peers](../bench/peers/README.md).")
	p.say("")
	p.say("Ratios are %s's CPU per request through the peer's, round by round: the median, with the lowest and highest round. Below 1,", r.Subject)
	p.say("%s costs less. Ratios travel between machines; microseconds don't.", r.Subject)
	if r.CutShort {
		p.say("")
		p.say("**Cut short: the run was ended early; rounds or scenarios are missing.**")
	}
	for i, reason := range r.Invalid {
		if i == 0 {
			p.say("")
			p.say("**Not to be trusted, by the run's own rules:**")
			p.say("")
		}
		p.say("- %s", reason)
	}
}

func (p *page) machine() {
	r, m := p.result, &p.result.Machine
	p.say("")
	p.say("## Machine and programs")
	p.list()
	p.row("processor", fmt.Sprintf("%s, %d cores", known(m.CPU), m.Cores))
	p.row("memory", fmt.Sprintf("%.1f GiB", float64(m.Memory)/(1<<30)))
	p.row("kernel", known(m.Kernel))
	p.row("system", known(m.System))
	p.row("date", r.When.UTC().Format("2006-01-02 15:04 MST"))
	p.row("programs", strings.Join(r.versions(), "<br>"))
	p.row("load", "weir bench peers, built with "+m.Go)
	if len(r.Missing) > 0 {
		p.row("not installed", strings.Join(r.Missing, ", "))
	}
}

func known(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

// settings are what every config says in its own words.
func (p *page) settings() {
	r := p.result
	p.say("")
	p.say("## Settings, equal for all")
	p.list()
	p.row("place", r.place())
	p.row("rounds", fmt.Sprintf("%v after %v of warm-up, the proxies in turn, every second time in the other order", r.Round, r.Warmup))
	p.row("load", fmt.Sprintf("closed loop, %d connections unless the scenario says otherwise: each sends its next request when the answer is complete", r.Connections))
	p.row("workers", "one: nginx `worker_processes 1`, HAProxy `nbthread 1`, Go programs see one core; Varnish has one pool of threads, on one core")
	p.row("to the endpoint", fmt.Sprintf("HTTP/1.1, kept alive for an hour, at least %d idle connections (1,000 in scale-conns, more with many endpoints)", leastKeep))
	p.row("from the client", "kept alive for an hour, no limit of requests")
	p.row("timeouts", "connect 1 s, answer 30 s")
	p.row("fields added", "X-Forwarded-For, -Proto, -Host by all; Weir, Varnish and Caddy add Via or their own names besides, as they do by default")
	p.row("access log", "off; Weir's metrics are on, and so is Varnish's log in shared memory, as they are by default")
	p.row("bodies", "streamed both ways (nginx: `proxy_request_buffering off`, no temporary files)")
	p.row("TLS", "1.3, AES-128-GCM, X25519, ECDSA P-256 certificate, no resumption; plain to the endpoint; checked by the client")
	p.row("cache", "64 MiB in memory (nginx: files on tmpfs that stay open), filled by the first request, fresh for an hour; at most 1 % of a round's answers from the endpoint")
	p.row("TCP relay", "one stream to the endpoint for each client; HAProxy with `splice-auto`; Weir splices by default; nginx can't")
	p.row("many endpoints", "in turn (round robin)")
}

// summary is one line for each scenario: the subject's ratio to every peer.
func (p *page) summary() {
	r := p.result
	if len(r.Blocks) == 0 {
		return
	}
	rivals := slices.DeleteFunc(names(r.Blocks), func(n string) bool { return n == Direct || n == r.Subject })
	p.say("")
	p.say("## In short")
	p.say("")
	p.say("CPU of %s through CPU of the peer, median [lowest–highest round].", r.Subject)
	p.table(append([]string{"scenario"}, rivals...)...)
	for i := range r.Blocks {
		if b := &r.Blocks[i]; b.Generator == "" {
			cells := []string{label(b.Scenario, b.Axis, b.Point)}
			for _, name := range rivals {
				cells = append(cells, p.ratioCell(b, name))
			}
			p.row(cells...)
		}
	}
	p.absences()
}

// absences says in which scenarios the subject itself was left out, and why.
func (p *page) absences() {
	first := true
	for i := range p.result.Blocks {
		b := &p.result.Blocks[i]
		row := b.find(p.result.Subject)
		if row == nil || row.Note == "" {
			continue
		}
		if first {
			p.say("")
		}
		first = false
		p.say("- %s, %s: %s", label(b.Scenario, b.Axis, b.Point), row.Proxy, row.Note)
	}
}

// ratioCell is the subject's ratio to a peer, or "—".
func (p *page) ratioCell(b *Block, proxy string) string {
	if is, ok := b.Ratio(p.result.Subject, proxy); ok && proxy != p.result.Subject {
		return fmt.Sprintf("**%.2f** [%.2f–%.2f]", is.Median, is.Min, is.Max)
	}
	return "—"
}

func (p *page) scenarios() {
	r := p.result
	for i := 0; i < len(r.Blocks); {
		curve := r.curve(i)
		switch {
		case curve[0].Generator != "":
		case curve[0].Axis != "":
			p.curve(curve)
		default:
			p.block(&curve[0])
		}
		i += len(curve)
	}
}

func (p *page) block(b *Block) {
	p.say("")
	p.say("## %s", b.Scenario)
	p.say("")
	p.say("%s; %d connections, %d rounds.", sentence(b.About), b.Connections, b.Rounds)
	heads := []string{"", "CPU/" + b.Unit, p.result.Subject + " / it", b.Unit + "s/s", "p50", "p99", "memory", "its core"}
	if b.Unit == "MiB" {
		heads[4], heads[5] = "per CPU second", ""
	}
	p.table(heads...)
	for i := range b.Rows {
		row := &b.Rows[i]
		if len(row.Samples) == 0 {
			p.row(row.Proxy, "—", "", "", "", "", "", "")
			continue
		}
		f := row.figures()
		if cpu := row.cpu(); b.Unit == "MiB" && cpu > 0 {
			f.p50 = fmt.Sprintf("%.2f GiB", float64(time.Second)/float64(cpu)/(1<<10))
		}
		p.row(row.Proxy, f.cpu, p.ratioCell(b, row.Proxy), f.rate, f.p50, f.p99, f.rss, f.busy)
	}
	p.notes([]Block{*b})
	p.bound(b)
}

// idleShare is how much of its core a proxy may leave unused while it is called the bottleneck.
const idleShare = 0.1

// bound says so where the load, not the proxy, was the limit.
func (p *page) bound(b *Block) {
	var waiting []string
	for i := range b.Rows {
		row := &b.Rows[i]
		if row.Proxy != Direct && len(row.Samples) > 0 && row.Median(func(s *Sample) float64 { return s.Busy }) < 1-idleShare {
			waiting = append(waiting, row.Proxy)
		}
	}
	if len(waiting) > 0 && p.result.ProxyCore >= 0 {
		p.say("")
		p.say("The load was the limit for %s: compare CPU there, not rates or latencies.", strings.Join(waiting, ", "))
	}
}

func (p *page) notes(curve []Block) {
	first := true
	for _, name := range names(curve) {
		if note := noteOf(curve, name); note != "" {
			if first {
				p.say("")
			}
			first = false
			p.say("- %s: %s", name, note)
		}
	}
}

func (p *page) curve(curve []Block) {
	first := &curve[0]
	p.say("")
	p.say("## %s", first.Scenario)
	p.say("")
	p.say("%s. CPU per %s, with %s's through it in parentheses. %d rounds at each point.", sentence(first.About), first.Unit, p.result.Subject, first.Rounds)
	heads := []string{""}
	for i := range curve {
		heads = append(heads, thousands(float64(curve[i].Point))+" "+string(first.Axis))
	}
	p.table(append(heads, "last / first")...)
	for _, name := range names(curve) {
		if name == Direct {
			continue
		}
		cells := []string{name}
		for i := range curve {
			cells = append(cells, p.result.curveCell(&curve[i], name))
		}
		p.row(append(cells, growth(curve, name))...)
	}
	p.notes(curve)
}

// growth is a proxy's CPU at the last point through that at the first.
func growth(curve []Block, proxy string) string {
	first, last := curve[0].find(proxy), curve[len(curve)-1].find(proxy)
	if first == nil || last == nil || first.cpu() == 0 || last.cpu() == 0 {
		return "—"
	}
	return fmt.Sprintf("%.2f", float64(last.cpu())/float64(first.cpu()))
}

// sentence begins a text with a capital.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
