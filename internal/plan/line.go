package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// line is a line of the log as it is written (docs/access-log.md). Keys that plan does not need are left out.
type line struct {
	TS        *int64      `json:"ts"`
	Client    string      `json:"client"`
	Listener  *string     `json:"listener"`
	Proto     *string     `json:"proto"`
	Method    string      `json:"method"`
	Host      string      `json:"host"`
	Target    string      `json:"target"`
	Route     string      `json:"route"`
	Upstream  string      `json:"upstream"`
	Endpoint  string      `json:"endpoint"`
	Status    int64       `json:"status"`
	Fault     string      `json:"fault"`
	BytesIn   int64       `json:"bytes_in"`
	BytesOut  int64       `json:"bytes_out"`
	Duration  int64       `json:"dur_us"`
	FirstByte int64       `json:"first_byte_us"`
	Attempts  int64       `json:"attempts"`
	Consumer  string      `json:"consumer"`
	Cache     string      `json:"cache"`
	Verdicts  [][2]string `json:"verdicts"`
	Match     [][2]string `json:"match"`
}

// The numbers that a line may hold: beyond them time.Duration and time.Time overflow.
const (
	maxMicros = 9_000_000_000_000_000 // to the year 2255
	maxBytes  = 1 << 62
)

// parse reads one line of the log into r.
func (r *Record) parse(text []byte) error {
	var l line
	if !l.scan(string(text)) {
		l = line{}
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("not a line of Weir's JSON: %w", err)
		}
	}
	if err := l.check(); err != nil {
		return err
	}
	var client netip.Addr
	if l.Client != "" {
		var err error
		if client, err = netip.ParseAddr(l.Client); err != nil {
			return fmt.Errorf("client %.60q is no address", l.Client)
		}
	}
	*r = Record{
		Line: r.Line, Arrival: time.UnixMicro(*l.TS).UTC(), Client: client, Listener: *l.Listener, Proto: *l.Proto,
		Method: l.Method, Host: l.Host, Target: l.Target, Route: l.Route, Upstream: l.Upstream, Endpoint: l.Endpoint,
		Status: int(l.Status), Fault: l.Fault, BytesIn: l.BytesIn, BytesOut: l.BytesOut, Attempts: int(l.Attempts), Consumer: l.Consumer,
		Duration: time.Duration(l.Duration) * time.Microsecond, FirstByte: time.Duration(l.FirstByte) * time.Microsecond,
		Cache: l.Cache, Verdicts: l.Verdicts, Match: l.Match, Body: l.BytesIn,
	}
	return nil
}

// check refuses lines of other programs, and numbers that no line of Weir's has.
func (l *line) check() error {
	if l.TS == nil || l.Listener == nil || l.Proto == nil {
		return errors.New("JSON, but not of Weir's access log: ts, listener or proto is missing")
	}
	for _, n := range []int64{*l.TS, l.Duration, l.FirstByte} {
		if n < 0 || n > maxMicros {
			return fmt.Errorf("%d is no time", n)
		}
	}
	if l.BytesIn < 0 || l.BytesIn > maxBytes {
		return fmt.Errorf("%d is no number of bytes", l.BytesIn)
	}
	return nil
}
