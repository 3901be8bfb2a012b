package slo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"weir/internal/testkit"
)

func TestEveryFigureTakesItsOwnComparisonsAndUnits(t *testing.T) {
	limits := []string{"20ms", "0.5%", "0.005", "1000", "1000/s"}
	takes := map[string][]bool{ // in the order of limits
		"p1":      {true, false, false, false, false},
		"p50":     {true, false, false, false, false},
		"p99.999": {true, false, false, false, false},
		"mean":    {true, false, false, false, false},
		"max":     {true, false, false, false, false},
		"errors":  {false, true, true, false, false},
		"rate":    {false, false, true, true, true},
	}
	for figure, fits := range takes {
		for _, sign := range []string{"<", "<=", ">", ">=", "=", "==", "=<", "=>", "<>", "!="} {
			upward := sign == ">" || sign == ">="
			signed := upward == (figure == "rate") && (upward || sign == "<" || sign == "<=")
			for i, limit := range limits {
				text := figure + sign + limit
				s, err := Parse(text)
				if want := signed && fits[i]; (err == nil) != want {
					t.Errorf("Parse(%q): %v; want it read: %v", text, err, want)
				} else if want && s.terms[0].strict == strings.HasSuffix(sign, "=") {
					t.Errorf("Parse(%q) = %+v", text, s.terms[0])
				}
			}
		}
	}
}

func TestLimitsAreReadInTheirUnits(t *testing.T) {
	for text, want := range map[string]float64{
		"p99<20ms": 20e6, "p99<1.5s": 1.5e9, "p99<300us": 300e3, "p99<300µs": 300e3, "p99<7ns": 7, "mean<1m30s": 90e9, "max<1h": 3600e9,
		"errors<1%": 0.01, "errors<0.1 %": 0.001, "errors<.5": 0.5, "errors<=100%": 1, "errors<=1": 1, "errors<=0%": 0, "errors<1e-3": 0.001,
		"rate>1000": 1000, "rate>0.5/s": 0.5, "rate>=2e5/s": 2e5, "rate > 10 ": 10,
	} {
		s, err := Parse(text)
		if err != nil || math.Abs(s.terms[0].limit-want) > 1e-12*want {
			t.Errorf("Parse(%q) = %+v, %v; want %v", text, s.terms, err, want)
		}
	}
}

func TestWhatIsWrongWithAnSLOIsReadable(t *testing.T) {
	var b strings.Builder
	for _, text := range []string{
		"", ",", "p99<20ms,", "p99<20ms,,max<1s", "p99", "<20ms", "20ms>p99",
		"p99=20ms", "p99==20ms", "p99>20ms", "p99>=20ms", "rate<1000", "rate=1000", "errors>1%",
		"p100<1ms", "p100.0<1ms", "p0<1ms", "p0.5<1ms", "p<1ms", "p-1<1ms", "p9.9.9<1ms", "p99.9999<1ms", "p1e1<1ms",
		"error<1%", "medain<1ms", "median<1ms", "rps>5", "P99<1ms", "latency<1ms", "p 99<1ms",
		"p99<", "p99<20", "p99<0s", "p99<-1ms", "p99<fast", "p99<20%", "p99<<1ms", "p99<9999999h",
		"errors<", "errors<5 percent", "errors<101%", "errors<2", "errors<-1%", "errors<NaN", "errors<0", "errors<0%", "errors<1ms",
		"rate>", "rate>/s", "rate>0", "rate>-5", "rate>inf", "rate>many", "rate>10/min", "rate>1e12",
		"p99<1ms,p99<2ms", "p99<1ms,p99.0<2ms", "errors<1%,p50<1s,errors<2%",
	} {
		s, err := Parse(text)
		if err == nil || len(s.terms) > 0 {
			t.Errorf("Parse(%q) = %v, %v", text, s, err)
		}
		fmt.Fprintf(&b, "%v\n", err)
	}
	testkit.Golden(t, "testdata/refused.txt", b.String())
}

func TestWhatIsWrittenIsReadAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 1))
	for range 500 {
		var terms []string
		for _, i := range r.Perm(5)[:1+r.IntN(5)] {
			n := 1 + r.IntN(100_000)
			terms = append(terms, []string{
				fmt.Sprintf("p%d.%03d<%dus", 1+r.IntN(98), r.IntN(1000), n),
				fmt.Sprintf("mean<=%dns", n),
				fmt.Sprintf("max<%dms", n),
				fmt.Sprintf("errors<=%v%%", float64(n)/1000),
				fmt.Sprintf("rate>=%v", float64(n)/8),
			}[i])
		}
		text := strings.Join(terms, ",")
		s := mustParse(t, text)
		again := mustParse(t, s.String())
		for i := range s.terms {
			x, y := s.terms[i], again.terms[i]
			if x.name != y.name || x.of != y.of || x.strict != y.strict || x.upper != y.upper || math.Abs(x.limit-y.limit) > 1e-12*x.limit || x.share != y.share {
				t.Errorf("%q reads as %+v, and what that writes as %+v", text, x, y)
			}
		}
	}
}

func TestAPercentileAsksForARunInWhichItRestsOnFiveRequests(t *testing.T) {
	for text, want := range map[string]float64{
		"p50<1s": 100, "p95<1s": 100, "p99<1s": 500, "p99.9<1s": 5000, "p99.99<1s,p50<1ms": 50_000, "max<1s,errors<1%,mean<1s": 100,
	} {
		if got := mustParse(t, text).requests(); math.Abs(got/want-1) > 1e-6 {
			t.Errorf("%s asks for %v requests, want %v", text, got, want)
		}
	}
}
