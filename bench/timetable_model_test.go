package bench

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// due returns how many requests a timetable asks for until t, by Simpson's rule over each step: exact for lines, and
// arrived at in another way than the timetable does.
func due(steps []Step, warm, end, t time.Duration) float64 {
	sum, from := 0.0, time.Duration(0)
	if warm > 0 {
		steps = append([]Step{{From: steps[0].From, To: steps[0].From, For: warm}}, steps...)
	}
	for _, s := range steps {
		length := s.For
		if length == 0 {
			length = end - from
		}
		in := min(max(0, t-from), length)
		rate := func(at time.Duration) float64 { return s.From + (s.To-s.From)*float64(at)/float64(length) }
		if in > 0 {
			sum += (rate(0) + 4*rate(in/2) + rate(in)) / 6 * in.Seconds()
		}
		from += length
	}
	return sum
}

// randomSteps are one to five steps, some of them empty or ramps from or to nothing.
func randomSteps(r *rand.Rand) []Step {
	steps := make([]Step, 1+r.IntN(5))
	for i := range steps {
		rates := []float64{0, 0.3, 1, 7.7, 100, 999.9, 5000}
		steps[i] = Step{From: rates[r.IntN(len(rates))], For: time.Duration(1 + r.Int64N(int64(2*time.Second)))}
		steps[i].To = steps[i].From
		if r.IntN(2) == 0 {
			steps[i].To = rates[r.IntN(len(rates))]
		}
	}
	return steps
}

func TestSlotsLieWhereTheIntegralOfTheRateSays(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 11))
		steps := randomSteps(r)
		warm := time.Duration(r.IntN(3)) * 150 * time.Millisecond
		end := warm
		for _, s := range steps {
			end += s.For
		}
		table := newTimetable(&Arrivals{Steps: steps}, warm, end, 0)
		last, n := time.Duration(0), int64(0)
		for ; ; n++ {
			at, ok := table.next()
			if !ok {
				break
			}
			if at < last || at >= end {
				t.Fatalf("seed %d: slot %d at %v, behind %v, of %v", seed, n, at, last, end)
			}
			// A slot lies to the nanosecond where as many were due; at a rate of 5,000/s that is 5e-6 of one.
			if got := due(steps, warm, end, at); math.Abs(got-float64(n)) > 1e-4 {
				t.Fatalf("seed %d, %v: slot %d at %v, where %.6f are due", seed, steps, n, at, got)
			}
			last = at
		}
		if all := due(steps, warm, end, end); float64(n) < all-1e-4 || float64(n) > all+1+1e-4 {
			t.Errorf("seed %d, %v: %d slots, %.6f are due", seed, steps, n, all)
		}
		if left := table.expected(); left != 0 {
			t.Errorf("seed %d: %d slots still to come behind the last", seed, left)
		}
	}
}

func TestWhatIsExpectedIsWhatComes(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 12))
		steps := randomSteps(r)
		var end time.Duration
		for _, s := range steps {
			end += s.For
		}
		table := newTimetable(&Arrivals{Steps: steps}, 0, end, 0)
		for range r.IntN(500) {
			table.next()
		}
		expected, came := table.expected(), int64(0)
		for {
			if _, ok := table.next(); !ok {
				break
			}
			came++
		}
		if came != expected {
			t.Errorf("seed %d, %v: %d came, %d expected", seed, steps, came, expected)
		}
	}
}

func TestPoissonSlotsAreThoseOfAUnitProcess(t *testing.T) {
	// Seen through the integral of the rate, whatever the steps are, the gaps are exponential with mean 1: here by
	// mean, variance and the share above ln 2 (half), each within five standard errors.
	var gaps []float64
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 13))
		steps := randomSteps(r)
		var end time.Duration
		for _, s := range steps {
			end += s.For
		}
		table := newTimetable(&Arrivals{Steps: steps, Poisson: true}, 0, end, seed)
		last := 0.0
		for {
			at, ok := table.next()
			if !ok {
				break
			}
			x := due(steps, 0, end, at)
			gaps = append(gaps, x-last)
			last = x
		}
	}
	n := float64(len(gaps))
	mean, above := 0.0, 0.0
	for _, g := range gaps {
		mean += g / n
		if g > math.Ln2 {
			above += 1 / n
		}
	}
	variance := 0.0
	for _, g := range gaps {
		variance += (g - mean) * (g - mean) / n
	}
	if math.Abs(mean-1) > 5/math.Sqrt(n) || math.Abs(variance-1) > 5*math.Sqrt(8/n) || math.Abs(above-0.5) > 2.5/math.Sqrt(n) {
		t.Errorf("%v gaps: mean %v, variance %v, %v above the median; want 1, 1, 0.5", n, mean, variance, above)
	}
}

func TestAPoissonTimetableIsItsSeeds(t *testing.T) {
	times := func(seed uint64) []time.Duration {
		return scheduled(t, Config{Arrivals: &Arrivals{Steps: []Step{{From: 100, To: 500, For: time.Second}}, Poisson: true}, Seed: seed})
	}
	if a, b := times(7), times(7); !slices.Equal(a, b) {
		t.Error("the same seed gave other times")
	}
	if a, b := times(7), times(8); slices.Equal(a, b) {
		t.Error("another seed gave the same times")
	}
}

func TestWhatATimetableSaysIsReadBack(t *testing.T) {
	// Steps as they are written on the command line, parsed and said in words.
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 14))
		var written, said []string
		want := make([]Step, 1+r.IntN(4))
		for i := range want {
			rate := float64(1 + r.IntN(100_000))
			length := time.Duration(1+r.IntN(5000)) * time.Millisecond
			want[i] = Step{From: rate, To: rate, For: length}
			written = append(written, fmt.Sprintf("%.0f/%dms", rate, length.Milliseconds()))
			said = append(said, fmt.Sprintf("%g/s in %v", rate, length))
		}
		a, err := ParseSteps(strings.Join(written, ","))
		if err != nil || !slices.Equal(a.Steps, want) {
			t.Fatalf("%v: %v, %v", written, a, err)
		}
		if got := a.String(); got != strings.Join(said, ", ") {
			t.Errorf("%v reads %q", written, got)
		}
	}
}

func FuzzParseSteps(f *testing.F) {
	for _, seed := range []string{"100/30s,200/30s", "100,200,400/30s", "1/1ns", "0,0/1s", "1e9/1s", "/", ",", "5/-1s", "9223372036854775807/2562047h", "100:5000/60s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (*Arrivals, error){ParseSteps, ParseRamp} {
			a, err := parse(text)
			if err != nil {
				if !errors.Is(err, ErrConfig) {
					t.Fatalf("%q: %v does not wrap ErrConfig", text, err)
				}
				continue
			}
			if a.check() != nil {
				continue
			}
			if a.Length() <= 0 {
				t.Fatalf("%q lasts %v", text, a.Length())
			}
			table := newTimetable(a, 0, a.Length(), 0)
			last := time.Duration(0)
			for range 100 {
				at, ok := table.next()
				if !ok {
					break
				}
				if at < last || at >= a.Length() {
					t.Fatalf("%q: a slot at %v, behind %v, of %v", text, at, last, a.Length())
				}
				last = at
			}
		}
	})
}
