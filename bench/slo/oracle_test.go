package slo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/bench"
)

// sent is what a run's requests came to, one by one.
type sent struct {
	took   []time.Duration // of those that got their answer
	failed int
	unsent int
	within time.Duration
}

// anySent is a run of whatever may happen, in times that the histogram holds exactly: the upper ends of its finest bins.
func anySent(r *rand.Rand) sent {
	s := sent{failed: r.IntN(2) * r.IntN(20), unsent: r.IntN(2) * r.IntN(20), within: time.Duration(1+r.IntN(1000)) * time.Millisecond}
	for range r.IntN(200) {
		s.took = append(s.took, time.Duration(512*(1+r.IntN(2000))-1))
	}
	return s
}

// anyLimit often lies exactly on a time that occurs.
func anyLimit(r *rand.Rand) time.Duration {
	return time.Duration(512*(1+r.IntN(2200)) - r.IntN(3))
}

func (s sent) report() *bench.Report {
	ok := int64(len(s.took))
	r := &bench.Report{
		Format: bench.ReportFormat, OK: ok, Requests: ok + int64(s.failed), Unsent: int64(s.unsent), Elapsed: s.within,
		Histogram: bench.NewHistogram(), Failures: bench.Failures{bench.Timeout: int64(s.failed)},
	}
	for _, d := range s.took {
		r.Histogram.Record(d)
	}
	r.Latency = r.Histogram.Quantiles()
	return r
}

// never is how long a request takes that was not sent.
const never = time.Duration(math.MaxInt64)

// sorted has the latencies of what was answered and what was never sent.
func (s sent) sorted() []time.Duration {
	all := slices.Clone(s.took)
	for range s.unsent {
		all = append(all, never)
	}
	slices.Sort(all)
	return all
}

// atPercentile returns the request nearest to the rank; never, where a part of the rank lies beyond what was answered.
func (s sent) atPercentile(thousandths int) time.Duration {
	all := s.sorted()
	if len(s.took) == 0 || thousandths*len(all) > 100_000*len(s.took) {
		return never
	}
	return all[max(1, (thousandths*len(all)+50_000)/100_000)-1]
}

func TestPercentilesAreJudgedAsASortedListOfAllThatWasDueSays(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	states := map[State]int{}
	for range 2000 {
		s := anySent(r)
		thousandths := []int{1000, 10_000, 25_000, 33_300, 50_000, 75_000, 90_000, 95_000, 99_000, 99_900, 99_999}[r.IntN(11)]
		if thousandths*(len(s.took)+s.unsent)%100_000 == 50_000 {
			continue // two requests are as near to the rank
		}
		limit, strict := anyLimit(r), r.IntN(2) == 0
		sign := "<="
		if strict {
			sign = "<"
		}
		text := fmt.Sprintf("p%v%s%dns", float64(thousandths)/1000, sign, limit)
		got := mustParse(t, text).Judge(s.report())[0]
		measured := s.atPercentile(thousandths)
		want := Missed
		if measured != never && (measured < limit || measured == limit && !strict) {
			want = Met
		}
		if got.State != want || measured != never && got.Measured != float64(measured) || (measured == never) != strings.Contains(got.Text, "beyond") {
			t.Fatalf("%s of %d answers and %d unsent is %+v; the list says %v, %s", text, len(s.took), s.unsent, got, measured, want)
		}
		states[got.State]++
	}
	if states[Met] < 300 || states[Missed] < 300 {
		t.Errorf("%v: the cases are one-sided", states)
	}
}

func TestSharesRatesAndEndsAreJudgedAsCountingSays(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	for range 1000 {
		s := anySent(r)
		all, bad := len(s.took)+s.failed+s.unsent, s.failed+s.unsent
		tenths := r.IntN(1001)
		persecond := 1 + r.IntN(2000)
		limit := anyLimit(r)
		most := never
		if len(s.took) > 0 && s.unsent == 0 {
			most = slices.Max(s.took)
		}
		for text, want := range map[string]bool{
			fmt.Sprintf("errors<=%.1f%%", float64(tenths)/10): all > 0 && bad*1000 <= tenths*all || tenths == 1000,
			fmt.Sprintf("rate>%d", persecond):                 time.Duration(len(s.took)+s.failed)*time.Second > time.Duration(persecond)*s.within,
			fmt.Sprintf("rate>=%d/s", persecond):              time.Duration(len(s.took)+s.failed)*time.Second >= time.Duration(persecond)*s.within,
			fmt.Sprintf("max<%dns", limit):                    most < limit,
			fmt.Sprintf("max<=%dns", limit):                   most <= limit,
		} {
			if got := mustParse(t, text).Judge(s.report())[0]; (got.State == Met) != want {
				t.Fatalf("%s of %d answers in %v, %d failures and %d unsent, the longest %v: %+v; want met: %v",
					text, len(s.took), s.within, s.failed, s.unsent, most, got, want)
			}
		}
	}
}

func TestALimitIsNotMissedByARounding(t *testing.T) {
	// 0.7 % is 0.006999…, seven in a thousand 0.007; the rank of p99.9 in a thousand is 999.0000000000001.
	for _, c := range []struct {
		slo    string
		failed int
		unsent int
		want   State
	}{
		{"errors<=0.7%", 7, 0, Met}, {"errors<0.7%", 7, 0, Missed}, {"errors<=0.7%", 8, 0, Missed}, {"errors<0.7%", 6, 0, Met},
		{"errors<=2.9%", 29, 0, Met}, {"errors<2.9%", 29, 0, Missed}, {"errors<=0.029", 29, 0, Met},
		{"p99.9<1h", 0, 1, Met}, {"p99.9<1h", 0, 2, Missed}, {"p99<1h", 0, 10, Met}, {"p99<1h", 0, 11, Missed},
	} {
		s := sent{failed: c.failed, unsent: c.unsent, within: time.Second}
		for range 1000 - c.failed - c.unsent {
			s.took = append(s.took, time.Microsecond)
		}
		if got := mustParse(t, c.slo).Judge(s.report())[0]; got.State != c.want {
			t.Errorf("%s, %d failed and %d unsent in a thousand: %+v; want %s", c.slo, c.failed, c.unsent, got, c.want)
		}
	}
}

func TestAVerdictDoesNotDependOnTheOtherTerms(t *testing.T) {
	terms := []string{"p50<500us", "p99<=990us", "mean<510us", "max<1.02ms", "errors<5%", "rate>=300"}
	r := rand.New(rand.NewPCG(13, 1))
	for range 100 {
		report := anySent(r).report()
		order := r.Perm(len(terms))
		var text []string
		for _, i := range order {
			text = append(text, terms[i])
		}
		all := mustParse(t, strings.Join(text, ",")).Judge(report)
		worst := Met
		for n, i := range order {
			alone := mustParse(t, terms[i]).Judge(report)[0]
			if all[n] != alone {
				t.Fatalf("%s is %+v alone and %+v among %v", terms[i], alone, all[n], text)
			}
			if alone.State == Missed {
				worst = Missed
			}
		}
		if got := Outcome(all); got != worst {
			t.Fatalf("%+v come to %s, want %s", all, got, worst)
		}
	}
}

func TestAnErrorShareCountsWhatFailedAndWhatWasNeverSent(t *testing.T) {
	for _, c := range []struct {
		s    sent
		want float64
	}{
		{sent{}, 1}, {sent{failed: 3}, 1}, {sent{unsent: 3}, 1},
		{sent{took: make([]time.Duration, 8)}, 0}, {sent{took: make([]time.Duration, 8), failed: 1, unsent: 1}, 0.2},
	} {
		if got := errorShare(c.s.report()); got != c.want {
			t.Errorf("%d answers, %d failures, %d unsent: %v, want %v", len(c.s.took), c.s.failed, c.s.unsent, got, c.want)
		}
	}
}
