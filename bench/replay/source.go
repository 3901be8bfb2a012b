package replay

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"weir/bench"
)

// SourceOptions say how a log's requests are sent. The zero SourceOptions will do.
type SourceOptions struct {
	// KeepHost asks for the host that the log names, where it names one. Default: for the target's own.
	KeepHost bool
	// Header is sent with every request, in place of the log's fields of the same names. A Host field is asked for
	// by all.
	Header []bench.Field
	// Strict counts an answer as failed whose status is not the log's. Default: it is counted apart, and every
	// complete answer is fine.
	Strict bool
}

// Source sends a log's requests: slot n the n-th of them, by arrival. It notes which statuses came for which, and
// serves one run. It is safe for concurrent use.
type Source struct {
	log      *Log
	keepHost bool
	host     string
	fields   []bench.Field
	block    string  // fields as lines
	hides    [2]bool // those of logFields that fields have too
	// cut has further fields of the log, by their text, without those that fields have too; nil: none has any.
	cut map[uint32]string

	classes []string
	classOf []int // by method
	expect  [600]*expectation
}

// expectation is what the log says of the requests with one status, and which answers came for them.
type expectation struct {
	bench.Expect
	got [600]atomic.Int64
}

// logFields are the header fields that a log has a place for.
var logFields = [2]string{"User-Agent", "Referer"}

// mostClasses is how many methods have figures of their own.
const mostClasses = 7

// Source returns the log's requests for one run. An error, which wraps bench.ErrConfig, is about o.Header.
func (l *Log) Source(o SourceOptions) (*Source, error) {
	if _, err := bench.Fixed(http.MethodGet, "/", o.Header, nil); err != nil {
		return nil, err
	}
	s := &Source{log: l, keepHost: o.KeepHost}
	for _, f := range o.Header {
		if strings.EqualFold(f.Name, "Host") {
			s.host = f.Value
			continue
		}
		s.fields = append(s.fields, f)
		s.block += f.Name + ": " + f.Value + "\r\n"
		for i, name := range logFields {
			s.hides[i] = s.hides[i] || strings.EqualFold(name, f.Name)
		}
	}
	s.cutExtra()
	s.classify()
	for i := range l.entries {
		if status := int(l.entries[i].status); s.expect[status] == nil {
			s.expect[status] = expect(status, o.Strict)
		}
	}
	return s, nil
}

// cutExtra drops from the log's further fields those that are given.
func (s *Source) cutExtra() {
	if len(s.fields) == 0 {
		return
	}
	s.cut = map[uint32]string{0: ""}
	for i := range s.log.entries {
		extra := s.log.entries[i].extra
		if _, known := s.cut[extra]; known {
			continue
		}
		kept := ""
		for line := range strings.SplitAfterSeq(s.log.texts.all[extra], "\r\n") {
			name, _, _ := strings.Cut(line, ":")
			if !slices.ContainsFunc(s.fields, func(f bench.Field) bool { return strings.EqualFold(f.Name, name) }) {
				kept += line
			}
		}
		s.cut[extra] = kept
	}
}

// extra returns a request's further fields of the log, as lines.
func (s *Source) extra(e *entry) string {
	if s.cut != nil {
		return s.cut[e.extra]
	}
	return s.log.texts.all[e.extra]
}

// expect returns what counts the answers to requests of a status. Status 0, of a request that had no answer, is
// content with any.
func expect(status int, strict bool) *expectation {
	e := &expectation{}
	e.Status = func(got int) bool {
		if got >= 0 && got < len(e.got) {
			e.got[got].Add(1)
		}
		return !strict || status == 0 || got == status
	}
	return e
}

// classify gives the usual methods a class of their own and the others one together.
func (s *Source) classify() {
	l := s.log
	counts := make([]int, len(l.methods))
	for i := range l.entries {
		counts[l.entries[i].method]++
	}
	order := make([]int, len(l.methods))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[b], counts[a]) })
	s.classOf = make([]int, len(l.methods))
	for rank, method := range order {
		s.classOf[method] = min(rank, mostClasses)
		switch {
		case rank < mostClasses:
			s.classes = append(s.classes, l.methods[method])
		case rank == mostClasses:
			s.classes = append(s.classes, "other")
		}
	}
}

// Classes implements [bench.Source]: the log's methods, the most frequent first.
func (s *Source) Classes() []string { return s.classes }

// Maker implements [bench.Source]. Nothing of a replay is random: the seed is not used.
func (s *Source) Maker(form bench.Form, authority string, _ uint64) bench.Maker {
	return &maker{source: s, wire: form == bench.Wire, authority: authority}
}

// maker fills in requests. It belongs to one goroutine at a time.
type maker struct {
	source    *Source
	wire      bool
	authority string
	block     []byte
}

// Fill implements [bench.Maker]. Once its block has grown to the longest request it does not allocate. Slots behind
// the log's last request begin it again.
func (m *maker) Fill(n int64, r *bench.Request) {
	s := m.source
	l := s.log
	e := &l.entries[n%int64(len(l.entries))]
	r.Class = s.classOf[e.method]
	r.Method = l.methods[e.method]
	r.Expect = &s.expect[e.status].Expect
	r.Host = s.host
	if r.Host == "" && s.keepHost {
		r.Host = l.texts.all[e.host]
	}
	if m.wire {
		m.message(e, r)
		return
	}
	m.block = append(m.block[:0], l.texts.all[e.target]...)
	r.Path, r.Body, r.Wire = m.block, nil, nil
	r.Header = m.header(e, r.Header[:0])
}

// logged returns the values of logFields for a request; "" for none.
func (s *Source) logged(e *entry) [2]string {
	values := [2]string{s.log.texts.all[e.agent], s.log.texts.all[e.referer]}
	for i, hidden := range s.hides {
		if hidden {
			values[i] = ""
		}
	}
	return values
}

// message writes the request the way that [bench.AppendRequest] does.
func (m *maker) message(e *entry, r *bench.Request) {
	s := m.source
	texts := s.log.texts.all
	b := append(append(m.block[:0], r.Method...), ' ')
	b = append(append(b, texts[e.target]...), " HTTP/1.1\r\nHost: "...)
	if r.Host != "" {
		b = append(b, r.Host...)
	} else {
		b = append(b, m.authority...)
	}
	b = append(b, "\r\n"...)
	for i, value := range s.logged(e) {
		if value != "" {
			b = append(append(append(append(b, logFields[i]...), ": "...), value...), "\r\n"...)
		}
	}
	b = append(append(b, s.extra(e)...), s.block...)
	if r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		b = append(b, "Content-Length: 0\r\n"...)
	}
	m.block = append(b, "\r\n"...)
	r.Wire = m.block
}

// header appends the request's fields.
func (m *maker) header(e *entry, list []bench.Field) []bench.Field {
	s := m.source
	for i, value := range s.logged(e) {
		if value != "" {
			list = append(list, bench.Field{Name: logFields[i], Value: value})
		}
	}
	for extra := s.extra(e); extra != ""; {
		var line string
		line, extra, _ = strings.Cut(extra, "\r\n")
		name, value, _ := strings.Cut(line, ": ")
		list = append(list, bench.Field{Name: name, Value: value})
	}
	return append(list, s.fields...)
}
