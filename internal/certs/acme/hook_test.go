package acme

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
)

// script writes a program and returns a hook that calls it.
func script(t *testing.T, body string) (h hook, dir string) {
	t.Helper()
	dir = t.TempDir()
	path := filepath.Join(dir, "hook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncd "+dir+"\n"+body), 0o700); err != nil {
		t.Fatal(err)
	}
	c := DefaultDNS()
	c.Exec, c.Propagation = []string{path, "fixed"}, conf.Dur(0)
	return hook{c, new(records)}, dir
}

func TestTheDNSProgramIsToldWhatToDo(t *testing.T) {
	h, dir := script(t, `echo "$#: $*" >>calls`)
	c := asked("api.example.com")
	ctx, cancel := context.WithCancel(context.Background())
	if err := h.Present(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := h.Wait(ctx, c); err != nil {
		t.Fatal(err)
	}
	cancel() // what was written is removed even so
	if err := h.CleanUp(ctx, c); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(filepath.Join(dir, "calls"))
	value := c.DNS01KeyAuthorization()
	want := "4: fixed present _acme-challenge.api.example.com. " + value + "\n" + "4: fixed cleanup _acme-challenge.api.example.com. " + value + "\n"
	if string(got) != want {
		t.Errorf("it was called with\n%s, want\n%s", got, want)
	}
}

func TestWhatTheDNSProgramSaysOfAFailureIsTold(t *testing.T) {
	for body, want := range map[string]string{
		"echo no such zone >&2; exit 3": "exit status 3: no such zone",
		"exit 1":                        "exit status 1",
		"i=0; while [ $i -lt 500 ]; do echo $i; i=$((i+1)); done; exit 1": "499",
		"kill -9 $$": "signal: killed",
	} {
		h, _ := script(t, body)
		err := h.Present(context.Background(), asked("api.example.com"))
		if err == nil || !strings.HasSuffix(err.Error(), want) || len(err.Error()) > 700 {
			t.Errorf("%s: %v", body, err)
		}
	}
	c := DefaultDNS()
	c.Exec = []string{"/no/such/program"}
	if err := (hook{c, new(records)}).Present(context.Background(), asked("api.example.com")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

func TestADNSProgramThatHangsEndsWithWhatItStarted(t *testing.T) {
	h, dir := script(t, "sleep 1000 & echo $! >child; wait")
	var pid []byte
	// On a slow machine it is ended before it has started anything, and has more time the next time.
	for timeout := 250 * time.Millisecond; len(pid) == 0; timeout *= 2 {
		h.config.Timeout = conf.Dur(timeout)
		err := h.Present(context.Background(), asked("api.example.com"))
		if err == nil || !strings.Contains(err.Error(), "longer than dns.timeout") {
			t.Fatal(err)
		}
		if pid, err = os.ReadFile(filepath.Join(dir, "child")); err != nil && timeout > time.Minute {
			t.Fatal(err)
		}
	}
	until(t, "its child is gone", func() bool {
		state, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(pid)), "stat"))
		return err != nil || strings.Contains(string(state), ") Z ")
	})
}

func TestPropagationIsWaitedForUnlessTheAttemptIsGivenUp(t *testing.T) {
	h := hook{DNS{Propagation: conf.Dur(time.Hour)}, new(records)}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Wait(ctx, asked("api.example.com")); err == nil {
		t.Error("it did not wait")
	}
}

// A host and its wildcard are validated by one record; a program that clears it as a whole must not clear it for the other.
func TestARecordIsOneChallengesAtATime(t *testing.T) {
	h, dir := script(t, `echo "$2 $4" >>calls`)
	first, second := asked("api.example.com"), asked("api.example.com")
	second.KeyAuthorization = "another"
	if err := h.Present(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Present(impatient, second); err == nil {
		t.Fatal("two hold one record")
	}
	if err := h.CleanUp(t.Context(), second); err != nil { // frees nothing of the first one's
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- h.Present(t.Context(), second) }()
	if err := h.CleanUp(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(filepath.Join(dir, "calls"))
	one, two := first.DNS01KeyAuthorization(), second.DNS01KeyAuthorization()
	if want := "present " + one + "\ncleanup " + two + "\ncleanup " + one + "\npresent " + two + "\n"; string(got) != want {
		t.Errorf("it was called with\n%s, want\n%s", got, want)
	}
}

func TestARecordOfAProgramThatFailsIsFree(t *testing.T) {
	h, _ := script(t, "exit 1")
	for range 2 {
		if err := h.Present(t.Context(), asked("api.example.com")); err == nil || !strings.Contains(err.Error(), "exit status 1") {
			t.Error(err)
		}
	}
}
