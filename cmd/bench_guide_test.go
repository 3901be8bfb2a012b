package cmd

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"weir/bench/scenario"
	"weir/bench/slo"
)

// guide is the page that shows weir bench at work.
func guide(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/guide/measure.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fenced returns the code blocks of the page that begin with such a fence.
func fenced(page, fence string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^```"+fence+"\n(.*?)^```").FindAllStringSubmatch(page, -1) {
		out = append(out, m[1])
	}
	return out
}

// shellWords splits a line of the guide; words in single quotes have spaces.
func shellWords(line string) []string {
	words := regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1)
	for i, w := range words {
		words[i] = strings.Trim(w, "'")
	}
	return words
}

func TestTheGuidesCommandsAreOnesThatWouldRun(t *testing.T) {
	commands := 0
	for _, block := range fenced(guide(t), "sh") {
		for line := range strings.Lines(block) {
			args := shellWords(strings.TrimSuffix(line, "\n"))
			if len(args) < 3 || args[0] != "bin/weir" || args[1] != "bench" {
				t.Errorf("%q is no command of weir bench", line)
				continue
			}
			commands++
			if err := wouldRun(args[1:]); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if commands < 15 {
		t.Errorf("only %d commands found", commands)
	}
}

// wouldRun refuses what `weir args` would refuse before it sends or reads anything.
func wouldRun(args []string) error {
	found, rest, err := quiet().root().Find(args)
	if err != nil {
		return err
	}
	if err := found.ParseFlags(rest); err != nil {
		return err
	}
	if promise := found.Flags().Lookup("slo"); promise != nil && promise.Changed {
		if _, err := slo.Parse(promise.Value.String()); err != nil {
			return err
		}
	}
	return errors.Join(understood(found, args[1:]), found.ValidateArgs(found.Flags().Args()))
}

// understood is the part of wouldRun that each command has of its own.
func understood(c *cobra.Command, args []string) error {
	switch c.Name() {
	case "bench":
		_, err := planned(strings.Join(args, " "))
		return err
	case "replay":
		f := &replayFlags{speed: 1}
		set := quiet().replayCommand().Flags()
		if err := set.Parse(args[1:]); err != nil {
			return err
		}
		f.given, f.streams, f.timeout, f.maxLag = set, 1, 1, 1
		f.to = set.Lookup("to").Value.String()
		return f.check()
	}
	_, _, err := sides(c.Flags().Args())
	return err
}

func TestTheGuidesScenarioIsAGoodOne(t *testing.T) {
	blocks := fenced(guide(t), "ini shop.toml")
	if len(blocks) != 1 {
		t.Fatalf("%d scenarios", len(blocks))
	}
	if s, problems := scenario.Parse("shop.toml", []byte(blocks[0]), os.ReadFile); s == nil {
		t.Error(problems)
	}
}

// The words of the guide for exit codes, flags and protocols must be those of the program.
func TestTheGuideNamesFlagsThatExist(t *testing.T) {
	known := inProcess(nil, "bench", "--help").out + inProcess(nil, "bench", "replay", "--help").out + inProcess(nil, "bench", "compare", "--help").out
	for _, flag := range regexp.MustCompile("--[a-z][a-z0-9-]+").FindAllString(guide(t), -1) {
		if flag != "--help" && !strings.Contains(known, flag+" ") {
			t.Errorf("the guide names %s, which no command has", flag)
		}
	}
	for _, family := range []string{"http://", "https://", "grpc://", "grpcs://", "ws://", "wss://", "tcp://", "tls://"} {
		if !strings.Contains(guide(t), family) {
			t.Errorf("the guide does not name %s", family)
		}
	}
}
