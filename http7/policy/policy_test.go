package policy_test

import (
	"errors"
	"sync"
	"testing"

	"weir/http7/policy"
)

// buckets is what a policy keeps.
type buckets struct{ closed int }

func (b *buckets) Close() { b.closed++ }

func fresh() (*buckets, error) { return &buckets{}, nil }

func TestWhatTwoConfigsHaveAlikeIsKept(t *testing.T) {
	t.Parallel()
	k := policy.NewKept()
	first, second := k.Begin(), k.Begin()
	a, _ := policy.Adopt(first, "a", fresh)
	again, _ := policy.Adopt(first, "a", fresh)
	kept, _ := policy.Adopt(second, "a", fresh)
	other, _ := policy.Adopt(second, "b", fresh)
	if again != a || kept != a || other == a {
		t.Fatal("one key is not one thing")
	}
	if first.End(); a.closed != 0 {
		t.Error("closed while a config has it")
	}
	first.End() // does nothing
	if second.End(); a.closed != 1 || other.closed != 1 {
		t.Errorf("closed %d and %d times", a.closed, other.closed)
	}
	if b, _ := policy.Adopt(k.Begin(), "a", fresh); b == a {
		t.Error("what was closed is given out")
	}
}

func TestAConfigThatNeverServesTakesNothingFromTheOneThatDoes(t *testing.T) {
	t.Parallel()
	k := policy.NewKept()
	serving, refused := k.Begin(), k.Begin()
	old, _ := policy.Adopt(serving, "a", fresh)
	_, _ = policy.Adopt(refused, "a", fresh)
	made, _ := policy.Adopt(refused, "b", fresh)
	if refused.End(); old.closed != 0 || made.closed != 1 {
		t.Errorf("closed %d and %d times", old.closed, made.closed)
	}
}

func TestWhatCannotBeMadeIsNotKept(t *testing.T) {
	t.Parallel()
	k, trouble := policy.NewKept(), errors.New("no such file")
	turn := k.Begin()
	if _, err := policy.Adopt(turn, "a", func() (*buckets, error) { return nil, trouble }); err != trouble {
		t.Errorf("got %v", err)
	}
	if b, err := policy.Adopt(turn, "a", fresh); err != nil || b == nil {
		t.Errorf("got %v, %v", b, err)
	}
	turn.End()
}

func TestConfigsMayAdoptAtOnce(t *testing.T) {
	t.Parallel()
	k := policy.NewKept()
	var all [8]*buckets
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			turn := k.Begin()
			for range 100 {
				all[i], _ = policy.Adopt(turn, "a", fresh)
			}
			turn.End()
			turn.End()
		})
	}
	wg.Wait()
	for _, b := range all {
		if b.closed != 1 {
			t.Fatalf("closed %d times", b.closed)
		}
	}
}
