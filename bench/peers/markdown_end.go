package peers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (p *page) idle() {
	r := p.result
	if len(r.Idle) == 0 {
		return
	}
	first := &r.Idle[0]
	p.say("")
	p.say("## idle")
	p.say("")
	p.say("%s keep-alive connections, %d requests on each, then nothing for %v: growth of resident memory, all processes.",
		thousands(float64(first.Connections)), first.Requests, first.Wait)
	p.table("", "before", "after", "for each connection")
	for i := range r.Idle {
		row := &r.Idle[i]
		if row.Note != "" {
			p.row(row.Proxy, "—", "—", row.Note)
			continue
		}
		p.row(row.Proxy, mebibytes(row.Before), mebibytes(row.After), fmt.Sprintf("%.1f KiB", row.Each()/(1<<10)))
	}
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func (p *page) crossChecks() {
	all := p.result.CrossChecks()
	if len(all) == 0 {
		return
	}
	p.say("")
	p.say("## wrk as a second load")
	p.say("")
	p.say("The same request from wrk (one thread, on the endpoint's core), in the same rounds: does %s's ratio depend on who asks?", p.result.Subject)
	p.say("They agree when the medians are within %.0f %% of each other or the ranges overlap.", agreement*100)
	p.table("", "by our load", "by wrk", "")
	for _, c := range all {
		verdict := "agree"
		if !c.agrees() {
			verdict = "**disagree**"
		}
		p.row(c.Scenario+", "+c.Peer, c.Ours.String(), c.Wrk.String(), verdict)
	}
}

// limits says what the figures don't say.
func (p *page) limits() {
	p.say("")
	p.say("## What this does not compare")
	p.say("")
	for _, text := range []string{
		"Throughput with more than one core, and how the proxies share work among cores.",
		"Latency at a given rate: the loop is closed and the proxy, where it can be, saturated, so p50 and p99 follow from the cost of a request; " +
			"`weir bench -r` measures latency at a rate.",
		"Networks: everything is on loopback, without loss, delay or a network card's work.",
		"Tuning: every proxy has the settings above and its defaults otherwise. Some can be made faster for one of these loads.",
		"HTTP/2, HTTP/3, WebSocket, compression, logging, and what else a configuration may turn on.",
		"Features: a proxy may do more, or less, for its microseconds.",
	} {
		p.say("- %s", text)
	}
}

// configs shows each proxy's config as it ran first.
func (p *page) configs() {
	if len(p.result.Configs) == 0 {
		return
	}
	p.say("")
	p.say("## Configurations")
	p.say("")
	p.say("As each proxy ran in its first scenario. The templates in [bench/peers/conf](../bench/peers/conf) show what the others add.")
	for _, name := range slices.Sorted(maps.Keys(p.result.Configs)) {
		p.say("")
		p.say("<details><summary>%s</summary>", name)
		p.say("")
		p.say("```text")
		p.say("%s", strings.TrimSpace(p.result.Configs[name]))
		p.say("```")
		p.say("")
		p.say("</details>")
	}
}
