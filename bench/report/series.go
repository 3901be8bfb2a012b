package report

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"weir/bench"
)

// mostMoments is how many a picture of a long run has: more would lie on the same pixel.
const mostMoments = 360

// moment is a part of the measured time: a second, or several where the run is long.
type moment struct {
	bench.Second
	From time.Duration
}

func (m *moment) length() float64 { return max((m.At - m.From).Seconds(), 1e-9) }

func (m *moment) middle() float64 { return (m.From + m.At).Seconds() / 2 }

// moments returns the series in at most so many equal parts. A last piece of less than half a second joins the one
// before it: what ended in it belongs to the end of the run, and as a rate of its own it would be a false peak.
func moments(series []bench.Second, most int) []moment {
	group := max(1, (len(series)+most-1)/most)
	var out []moment
	from := time.Duration(0)
	for i := range series {
		s := &series[i]
		last := i == len(series)-1 && s.At-from < time.Second/2
		if len(out) == 0 || i%group == 0 && !last {
			out = append(out, moment{From: from, Second: bench.Second{Histogram: bench.NewHistogram()}})
		}
		out[len(out)-1].add(s)
		from = s.At
	}
	for i := range out {
		out[i].Latency = out[i].Histogram.Quantiles()
	}
	return out
}

func (m *moment) add(s *bench.Second) {
	m.At = s.At
	m.Requests += s.Requests
	m.OK += s.OK
	m.Late += s.Late
	m.BytesIn += s.BytesIn
	for k, n := range s.Failures {
		m.Failures[k] += n
	}
	m.Histogram.Add(s.Histogram)
	m.Lag = max(m.Lag, s.Lag)
	m.Busy = max(m.Busy, s.Busy)
}

// stretch is a part of a timetable: a rate that goes in a line from From to To.
type stretch struct {
	from, to float64
	length   time.Duration // 0: to the end
}

var stretchWords = regexp.MustCompile(`^([0-9.e+]+)/s(?: to ([0-9.e+]+)/s)?(?: in (\S+))?$`)

var perSecondWords = regexp.MustCompile(`[0-9.]+(?:e[+-]?[0-9]+)?/s`)

// timetable is the rate of an open loop in its words, with its numbers as a person writes them: 64.84197773255049/s is
// what a search for the capacity asked for.
func timetable(words string) string {
	return perSecondWords.ReplaceAllStringFunc(words, func(word string) string {
		v, err := strconv.ParseFloat(strings.TrimSuffix(word, "/s"), 64)
		if err != nil {
			return word
		}
		return plain(v) + "/s"
	})
}

// asked reads the rate of an open loop from its words, as bench.Arrivals.String writes them; nil where they say no rate.
func asked(words string) []stretch {
	var out []stretch
	for part := range strings.SplitSeq(words, ", ") {
		found := stretchWords.FindStringSubmatch(part)
		if found == nil {
			if part == "Poisson" && out != nil {
				continue
			}
			return nil
		}
		var s stretch
		var err error
		s.from, err = strconv.ParseFloat(found[1], 64)
		s.to = s.from
		if err == nil && found[2] != "" {
			s.to, err = strconv.ParseFloat(found[2], 64)
		}
		if err == nil && found[3] != "" {
			s.length, err = time.ParseDuration(found[3])
		}
		if err != nil {
			return nil
		}
		out = append(out, s)
	}
	return out
}
