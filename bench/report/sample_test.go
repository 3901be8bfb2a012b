package report

import (
	"math/rand/v2"
	"time"

	"weir/bench"
)

// sample makes a report as a run would: each second of length seconds has the latencies and failures that play says.
func sample(length int, play func(second int, s *bench.Second, record func(time.Duration))) *bench.Report {
	r := &bench.Report{
		Format: bench.ReportFormat, Program: "weir 0.3.0", Started: time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC),
		Machine: bench.Machine{OS: "linux", Arch: "amd64", CPU: "Example CPU 9000", Cores: 2, Kernel: "6.1.0", Go: "go1.26"},
		Target:  "http://127.0.0.1:8080/v1/orders",
		Settings: bench.Settings{Protocol: "HTTP/1.1", Loop: "open", Rate: "1000/s", Connections: 64, Workers: 64, Threads: 2,
			Duration: time.Duration(length) * time.Second, Warmup: 3 * time.Second, Timeout: 30 * time.Second, MaxLag: time.Millisecond, Seed: 7},
		Invalid: []string{}, Elapsed: time.Duration(length)*time.Second + 4*time.Millisecond, Statuses: map[int]int64{}, FirstFailures: map[string]string{},
		Histogram: bench.NewHistogram(), LagHistogram: bench.NewHistogram(),
	}
	for n := range length {
		s := bench.Second{At: time.Duration(n+1) * time.Second, Histogram: bench.NewHistogram(), Lag: time.Duration(90+n%7*13) * time.Microsecond, Busy: 0.2}
		play(n, &s, func(d time.Duration) {
			s.Histogram.Record(d)
			r.LagHistogram.Record(time.Duration(20+int(d)%70) * time.Microsecond)
			s.OK++
		})
		s.Requests = s.OK + s.Failures.Total()
		s.BytesIn = 1180 * s.OK
		s.Latency = s.Histogram.Quantiles()
		tally(r, &s)
	}
	r.Lag, r.Latency = r.LagHistogram.Quantiles(), r.Histogram.Quantiles()
	if r.OK > 0 {
		r.Statuses[200] = r.OK
	}
	r.BytesOut = 96 * r.Requests
	r.CPU = time.Duration(r.Requests) * 11 * time.Microsecond
	r.Opened = min(64, r.Requests)
	return r
}

func tally(r *bench.Report, s *bench.Second) {
	r.Series = append(r.Series, *s)
	r.Requests += s.Requests
	r.OK += s.OK
	r.Late += s.Late
	r.BytesIn += s.BytesIn
	for k, n := range s.Failures {
		r.Failures[k] += n
	}
	r.Histogram.Add(s.Histogram)
}

// twoHumps are a minute of answers of about 1.2 ms and, for one in ten, of about 9 ms, with trouble from second 30 to 35.
func twoHumps() *bench.Report {
	random := rand.New(rand.NewPCG(1, 2))
	r := sample(60, func(second int, s *bench.Second, record func(time.Duration)) {
		scale := 1.0
		if second >= 30 && second < 35 {
			scale = 4
			s.Failures[bench.Timeout] = 3
			s.Failures[bench.Status] = int64(5 + second%3)
			s.Late = 40
		}
		for i := range 992 {
			middle := 1.2
			if i%10 == 0 {
				middle = 9
			}
			record(time.Duration(middle * scale * (1 + 0.12*random.NormFloat64()) * float64(time.Millisecond)))
		}
	})
	r.Statuses[503] = r.Failures[bench.Status]
	r.FirstFailures["timeout"] = "no answer within 30s"
	r.FirstFailures["status"] = "unexpected status 503 Service Unavailable"
	r.Redials = 2
	return r
}

// withClasses divides twoHumps by hand into three kinds of requests.
func withClasses() *bench.Report {
	r := twoHumps()
	for i, name := range []string{"read order", "write order", "search"} {
		h := bench.NewHistogram()
		for value, count := range r.Histogram.ForEachBucket {
			for range count {
				if slow := value > 5_000_000; slow == (i == 2) && (i == 2 || int(count)%2 == i) {
					h.Record(time.Duration(value))
				}
			}
		}
		r.Classes = append(r.Classes, bench.Class{Name: name, OK: h.Count(), Latency: h.Quantiles(), Histogram: h})
	}
	r.Classes[1].Failures = r.Failures
	return r
}

// late is a run whose generator could not keep up.
func late() *bench.Report {
	r := twoHumps()
	r.Invalid = []string{"the generator sent 2711 of 59564 requests more than 1ms after their time (--max-lag)"}
	r.Distorted = 2711
	for n := range r.Series {
		r.Series[n].Lag = time.Duration(2+n%9) * time.Millisecond
	}
	r.Lag.P99, r.Lag.Max = 4210*time.Microsecond, 10*time.Millisecond
	return r
}

// frozen is a run whose target answered nothing for ten seconds.
func frozen() *bench.Report {
	return sample(60, func(second int, s *bench.Second, record func(time.Duration)) {
		if second >= 20 && second < 30 {
			return
		}
		if second == 30 {
			for i := range 10_000 {
				record(10*time.Second - time.Duration(i)*time.Millisecond)
			}
			s.Late = 9_900
		}
		for i := range 1000 {
			record(time.Duration(200+i%90) * time.Microsecond)
		}
	})
}

// hours are six hours with a slow wave, at a rate that fits a test.
func hours() *bench.Report {
	r := sample(6*3600, func(second int, s *bench.Second, record func(time.Duration)) {
		for i := range 5 {
			record(time.Duration(1000+second%3600/4+i*100) * time.Microsecond)
		}
		if second%5000 == 77 {
			s.Failures[bench.Reset] = 1
		}
	})
	r.Settings.Rate = "5/s"
	return r
}

// nothing is a run in which no request ended.
func nothing() *bench.Report {
	r := sample(1, func(int, *bench.Second, func(time.Duration)) {})
	r.CutShort = true
	r.Unsent = 12
	return r
}

// refused is a run whose target is not there.
func refused() *bench.Report {
	r := sample(3, func(_ int, s *bench.Second, _ func(time.Duration)) { s.Failures[bench.Connect] = 1000 })
	r.FirstFailures["connect"] = "dial tcp 127.0.0.1:8080: connect: connection refused"
	return r
}

// single is one second of a closed loop.
func single() *bench.Report {
	r := sample(1, func(_ int, _ *bench.Second, record func(time.Duration)) {
		for i := range 4000 {
			record(time.Duration(180+i%40) * time.Microsecond)
		}
	})
	r.Settings.Loop, r.Settings.Rate, r.Settings.Warmup = "closed", "", 0
	r.LagHistogram, r.Lag = bench.NewHistogram(), bench.Quantiles{}
	return r
}

// alone is a run of one request.
func alone() *bench.Report {
	r := sample(1, func(_ int, _ *bench.Second, record func(time.Duration)) { record(531 * time.Microsecond) })
	r.Settings.Loop, r.Settings.Rate, r.Settings.Warmup, r.Settings.Requests, r.Settings.Duration = "closed", "", 0, 1, 0
	r.Elapsed, r.Series[0].At = 616*time.Microsecond, 616*time.Microsecond
	return r
}

// decades is a run whose latencies reach from a nanosecond to ten minutes.
func decades() *bench.Report {
	return sample(12, func(second int, _ *bench.Second, record func(time.Duration)) {
		for d := time.Duration(1); d <= 10*time.Minute; d *= 3 {
			record(d * time.Duration(1+second%2))
		}
		record(10 * time.Minute)
	})
}

// search is a search for capacity.
func search() *Capacity {
	c := &Capacity{Goal: "p99<20ms,errors<0.1%", Rate: 6000}
	for i, rate := range []float64{1000, 2000, 4000, 8000, 6000, 7000, 16000} {
		base := time.Duration(800+rate/20) * time.Microsecond
		q := bench.Quantiles{P50: base, P99: 4 * base, P999: 9 * base}
		if rate > 6000 {
			q.P99, q.P999 = 30*base, 80*base
		}
		c.Rungs = append(c.Rungs, Rung{Rate: rate, Latency: q, Held: rate <= 6000, Valid: i != 6})
	}
	return c
}
