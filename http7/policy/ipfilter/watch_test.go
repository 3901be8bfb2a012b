package ipfilter_test

import (
	"os"
	"sync"
	"testing"

	"weir/http7/policy/ipfilter"
	"weir/http7/policy/policytest"
)

func TestAChangedFileIsTakenAndABadOneIsNot(t *testing.T) {
	r, path := policytest.NewProcess(), file(t, "10.0.0.1\n")
	f, err := ipfilter.New(&ipfilter.Config{DenyFile: path}, "edge", r.Needs())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what, text   string
		one, two     bool // whether 10.0.0.1 and 10.0.0.2 are served
		size, failed float64
	}{
		{"another", "10.0.0.2\n10.1.0.0/16\n", true, false, 2, 0},
		{"bad", "10.0.0.1\nnonsense\n", true, false, 2, 1},
		{"good again", "10.0.0.1\n10.0.0.2\n10.0.0.1\n", false, false, 2, 0},
		{"empty", "", true, true, 0, 0},
	} {
		policytest.Write(t, path, step.text)
		r.Settle()
		if one, two := f.Allows(address("10.0.0.1")), f.Allows(address("10.0.0.2")); one != step.one || two != step.two {
			t.Errorf("%s: 10.0.0.1 is served: %v, 10.0.0.2: %v", step.what, one, two)
		}
		if size, failed := r.Level("edge.ip_filter denied_networks"), r.Level("edge.ip_filter failed_files"); size != step.size || failed != step.failed {
			t.Errorf("%s: %v networks, %v failed files, want %v and %v", step.what, size, failed, step.size, step.failed)
		}
	}
}

func TestAFileThatGoesLeavesWhatItHeld(t *testing.T) {
	r, path := policytest.NewProcess(), file(t, "10.0.0.1\n")
	f, err := ipfilter.New(&ipfilter.Config{AllowFile: path}, "edge", r.Needs())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.Settle()
	if !f.Allows(address("10.0.0.1")) || f.Allows(address("10.0.0.2")) {
		t.Error("the list is gone with its file")
	}
	if got := r.Level("edge.ip_filter failed_files"); got != 1 {
		t.Errorf("%v files have failed, want 1", got)
	}
}

func TestAReloadKeepsTheTablesOfEqualLists(t *testing.T) {
	r, path := policytest.NewProcess(), file(t, "10.0.0.1\n")
	first, second := r.Needs(), r.Needs()
	one, err := ipfilter.New(&ipfilter.Config{DenyFile: path}, "edge", first)
	if err != nil {
		t.Fatal(err)
	}
	same, err := ipfilter.New(&ipfilter.Config{DenyFile: path}, "edge", second)
	if err != nil || same != one {
		t.Errorf("a second config has %p, the first %p (%v)", same, one, err)
	}
	other, err := ipfilter.New(&ipfilter.Config{DenyFile: path, Deny: blocks("10.0.0.2")}, "edge", second)
	if err != nil || other == one {
		t.Errorf("other lists have the same tables (%v)", err)
	}
	first.Turn.End()
	policytest.Write(t, path, "10.0.0.3\n")
	r.Settle()
	if one.Allows(address("10.0.0.3")) {
		t.Error("the file is not watched although a config needs it")
	}
	second.Turn.End()
	policytest.Write(t, path, "10.0.0.4\n")
	r.Settle()
	if !one.Allows(address("10.0.0.4")) || r.Levels() != 0 {
		t.Errorf("the file is watched although no config needs it; %d levels", r.Levels())
	}
}

func TestAReloadTakesAChangedFileAtOnce(t *testing.T) {
	r, path := policytest.NewProcess(), file(t, "10.0.0.1\n")
	first, second, third := r.Needs(), r.Needs(), r.Needs()
	c := ipfilter.Config{DenyFile: path}
	one, err := ipfilter.New(&c, "edge", first)
	if err != nil {
		t.Fatal(err)
	}
	policytest.Write(t, path, "10.0.0.2\n")
	two, err := ipfilter.New(&c, "edge", second)
	if err != nil || two.Allows(address("10.0.0.2")) || one.Allows(address("10.0.0.1")) {
		t.Errorf("the new list does not serve, or the old one no more (%v)", err)
	}
	policytest.Write(t, path, "nonsense\n")
	if _, err := ipfilter.New(&c, "edge", third); err == nil {
		t.Error("a bad list is taken")
	}
	first.Turn.End()
	third.Turn.End()
	r.Settle()
	if two.Allows(address("10.0.0.2")) || r.Level("edge.ip_filter failed_files") != 1 {
		t.Error("the list is gone, or nobody knows that it is bad")
	}
}

// While a list is swapped every client is judged by the old one or the new one, never by half of one.
func TestClientsAreJudgedWhileListsAreSwapped(t *testing.T) {
	r, path := policytest.NewProcess(), file(t, "10.0.0.0/8\n192.0.2.0/24\n")
	f, err := ipfilter.New(&ipfilter.Config{DenyFile: path, AllowFile: file(t, "0.0.0.0/0\n")}, "edge", r.Needs())
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 4 { // ended by stop
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if f.Allows(address("10.1.1.1")) || !f.Allows(address("198.51.100.1")) {
					t.Error("10.1.1.1 is served, or 198.51.100.1 is not")
					return
				}
			}
		})
	}
	for i := range 20 {
		policytest.Write(t, path, []string{"10.0.0.0/9\n10.128.0.0/9\n", "10.1.0.0/16\n", "nonsense\n"}[i%3])
		r.Settle()
	}
	close(stop)
	wait.Wait()
}
