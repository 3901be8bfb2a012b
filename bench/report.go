package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// ReportFormat names the JSON of a Report and its version. Fields may be added within a version; none is removed or
// gets another meaning.
const ReportFormat = "weir-bench/1"

// Report is what a run came to. Every figure leaves the warm-up out.
type Report struct {
	// Format is ReportFormat.
	Format string `json:"format"`
	// Program is the generator's name and version, as its caller gave them.
	Program string    `json:"program,omitempty"`
	Started time.Time `json:"started"`
	Machine Machine   `json:"machine"`
	// Target is what was asked; Settings are how.
	Target   string   `json:"target"`
	Settings Settings `json:"settings"`

	// CutShort says that the run was ended from outside before its time.
	CutShort bool `json:"cut_short"`
	// Invalid says why the latencies are not to be trusted: the generator did not send on time. Empty: they are.
	Invalid []string `json:"invalid"`

	// Elapsed is the measured time, up to the last answer.
	Elapsed time.Duration `json:"elapsed_ns"`
	// Requests ended, fine or failed; OK of them got the answer that they expect.
	Requests int64    `json:"requests"`
	OK       int64    `json:"ok"`
	Failures Failures `json:"failures"`
	// FirstFailures has the text of the first failure of each kind that occurred.
	FirstFailures map[string]string `json:"first_failures,omitempty"`
	// Statuses counts complete answers by their status.
	Statuses map[int]int64 `json:"statuses,omitempty"`
	// Unsent slots of the schedule were given up, because every connection stayed busy until the end.
	Unsent int64 `json:"unsent"`
	// Late slots found every connection busy; their wait is part of their latency.
	Late int64 `json:"late"`
	// Opened connections are those that measured requests opened; all other requests went on a connection that had
	// carried one before.
	Opened int64 `json:"opened"`
	// Redials are connections that the target closed while they were idle; no failure.
	Redials int64 `json:"redials"`
	// BytesIn and BytesOut are of whole messages in HTTP/1; in other protocols at least of the bodies.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	// CPU is the processor time of the generator's process in the measured time; zero where it is not known.
	CPU time.Duration `json:"cpu_ns"`

	// Latency is from a slot's due time to the end of its answer, for requests that are OK.
	Latency Quantiles `json:"latency"`
	// Histogram holds all those latencies.
	Histogram Histogram `json:"latency_hdr"`
	// Lag is how late the generator itself sent: its own share of the latency.
	Lag Quantiles `json:"lag"`
	// Distorted requests were sent more than Settings.MaxLag after they could have been, by the generator's own doing; of
	// those that waited for a free connection, only where that is more than a fiftieth of their latency.
	Distorted int64 `json:"distorted"`
	// LagHistogram holds the lag of every slot for which it is known.
	LagHistogram Histogram `json:"lag_hdr"`
	// Classes has the figures of each kind of request, where the source has several.
	Classes []Class `json:"classes,omitempty"`
	// Series has the measured time in seconds; the last one may be shorter, and holds what ended after the time.
	Series []Second `json:"series"`
}

// Class is what one kind of request came to.
type Class struct {
	Name      string    `json:"name"`
	OK        int64     `json:"ok"`
	Failures  Failures  `json:"failures"`
	Latency   Quantiles `json:"latency"`
	Histogram Histogram `json:"latency_hdr"`
}

// Second is what one second of the measured part came to. A request belongs to the second in which it ended.
type Second struct {
	// At is the second's end, since the warm-up ended.
	At time.Duration `json:"at_ns"`
	// Requests ended, fine or failed; OK of them got the answer that they expect. Late ones found every connection busy.
	Requests int64    `json:"requests"`
	OK       int64    `json:"ok"`
	Late     int64    `json:"late"`
	Failures Failures `json:"failures"`
	BytesIn  int64    `json:"bytes_in"`
	// Latency is of the OK ones; Histogram holds all of them.
	Latency   Quantiles `json:"latency"`
	Histogram Histogram `json:"latency_hdr"`
	// Lag is the worst delay of the generator itself.
	Lag time.Duration `json:"lag_ns"`
	// Busy is the share of the time, 0 to 1, in which the generator's busiest thread had no rest.
	Busy float64 `json:"busy"`
}

// Settings are a run's Config, as a report shows it.
type Settings struct {
	// Protocol is "HTTP/1.1", "HTTP/2", …: Config.Protocol, or what the target's scheme says.
	Protocol string `json:"protocol"`
	// Loop is "open" or "closed"; Rate says the open one's timetable in words.
	Loop        string        `json:"loop"`
	Rate        string        `json:"rate,omitempty"`
	Connections int           `json:"connections"`
	Workers     int           `json:"workers"`
	Threads     int           `json:"threads"`
	Duration    time.Duration `json:"duration_ns"`
	Requests    int64         `json:"requests,omitempty"`
	Warmup      time.Duration `json:"warmup_ns"`
	Timeout     time.Duration `json:"timeout_ns"`
	MaxLag      time.Duration `json:"max_lag_ns"`
	Seed        uint64        `json:"seed"`
	// FreshConnections: each request had a connection of its own.
	FreshConnections bool `json:"fresh_connections"`
}

// Failed returns the requests that failed and the slots that were never sent.
func (r *Report) Failed() int64 { return r.Failures.Total() + r.Unsent }

// Valid reports whether the latencies are to be trusted.
func (r *Report) Valid() bool { return len(r.Invalid) == 0 }

// PerSecond returns the rate of requests that ended, fine or failed.
func (r *Report) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Requests) / r.Elapsed.Seconds()
}

// Sound returns r, or where it is invalid a copy without latencies: nobody shall take them for the target's.
func (r *Report) Sound() *Report {
	if r.Valid() {
		return r
	}
	s := *r
	s.Latency, s.Histogram = Quantiles{}, Histogram{}
	s.Classes, s.Series = slices.Clone(r.Classes), slices.Clone(r.Series)
	for i := range s.Classes {
		s.Classes[i].Latency, s.Classes[i].Histogram = Quantiles{}, Histogram{}
	}
	for i := range s.Series {
		s.Series[i].Latency, s.Series[i].Histogram = Quantiles{}, Histogram{}
	}
	return &s
}

// Write writes the report as JSON, without the latencies of an invalid run.
func (r *Report) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r.Sound())
}

// ReadReport reads what Write wrote. Unknown fields are passed over; another format is an error.
func ReadReport(from io.Reader) (*Report, error) {
	r := &Report{}
	if err := json.NewDecoder(from).Decode(r); err != nil {
		return nil, fmt.Errorf("not a report of weir bench: %w", err)
	}
	if r.Format != ReportFormat {
		return nil, fmt.Errorf("a report of format %q; this program reads %s", r.Format, ReportFormat)
	}
	return r, nil
}
