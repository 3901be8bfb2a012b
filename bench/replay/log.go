// Package replay reads the access log of a server and makes of it what a load test sends: the same requests, with the
// same gaps between them, to be compared with what the log says of statuses and latencies.
//
// `weir bench replay` reads a log, hands its Source and Arrivals to bench.Run and prints the Comparison. The package
// knows formats of logs (Weir's JSON lines, the combined and common formats of nginx and Apache) and opens no
// connection. Logs hold no bodies, so none is sent.
package replay

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Options say how a log is read. The zero Options will do.
type Options struct {
	// Scatter spreads the requests of a log with whole seconds at random within their second, as independent users
	// would. Default: evenly.
	Scatter bool
	// Seed makes the scattering the same again.
	Seed uint64
	// SafeOnly leaves out all but GET, HEAD and OPTIONS, which change nothing (RFC 9110 §9.2.1). Default: all
	// methods are replayed.
	SafeOnly bool
}

// Log is an access log in memory, its requests in the order of their arrival. It takes about 100 bytes for each
// request besides its texts, of which every one is kept once. It does not change and is safe for concurrent use.
type Log struct {
	name    string
	format  format
	entries []entry
	texts   *texts
	methods []string
	counts  counts
}

// entry is one request.
type entry struct {
	at      int64  // arrival, in ns since 1970
	took    uint32 // µs; unknown where the log does not say
	target  uint32 // texts
	host    uint32
	agent   uint32
	referer uint32
	extra   uint32 // further header fields, as lines
	method  uint16 // Log.methods
	status  uint16 // 0: none
}

const unknown = ^uint32(0)

// counts are what there was besides the requests.
type counts struct {
	lines     int64
	blank     int64
	bad       int64
	examples  []string // of bad lines
	left      [reasons]int64
	bodies    int64 // requests with a body, or with a method that usually has one
	reordered int64 // lines behind one of a later request
	hosts     int
}

// format is a kind of log.
type format uint8

const (
	unrecognised format = iota
	weirJSON
	combined
)

// reason is why a request of the log is not replayed.
type reason uint8

const (
	replayed  reason = iota
	session          // a TCP session
	tunnel           // an upgrade or CONNECT
	noRequest        // nothing that could be read as a request came
	unsafe           // Options.SafeOnly
	reasons
)

// record is what a line says of one request. Its texts are valid until the next line is read.
type record struct {
	at      time.Time
	atEnd   bool // at is when the request ended
	took    time.Duration
	timed   bool // took is known
	method  string
	target  string
	host    string
	agent   string
	referer string
	extra   string // header fields as lines
	status  int
	body    bool
	left    reason
}

const (
	shownBad  = 3       // how many bad lines are shown
	maxLine   = 1 << 20 // bytes
	maxMethod = 1000    // different ones
	// badShare is how many lines there may be for each good one.
	badShare = 10
)

// Read reads a whole log from r; name is the file's, and "….gz" says that it is compressed. The format is that of
// the first line that any format can read. Lines that can't be read are counted and the rest goes on, unless fewer
// than one in ten can. An error says what is wrong with the log as a whole.
func Read(r io.Reader, name string, o Options) (*Log, error) {
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("%s: not a gzip file: %w", name, err)
		}
		r = z
	}
	b := &reader{log: &Log{name: name, texts: newTexts()}, options: o, methods: map[string]uint16{}}
	in := newLines(r, maxLine)
	for {
		line, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, errLong) {
			return nil, fmt.Errorf("%s: line %d: %w", name, b.log.counts.lines+1, err)
		}
		b.line(line, err)
	}
	return b.finish()
}

// reader is one Read in progress.
type reader struct {
	log     *Log
	options Options
	methods map[string]uint16
	parse   parsers
	ends    bool // some times are those of ends
}

// line takes in one line; err is what is wrong with it already.
func (b *reader) line(line string, err error) {
	l := b.log
	l.counts.lines++
	if line == "" && err == nil {
		l.counts.blank++
		return
	}
	var r record
	if err == nil {
		err = b.read(line, &r)
	}
	if err == nil {
		err = b.add(&r)
	}
	if err != nil {
		if l.counts.bad++; l.counts.bad <= shownBad {
			l.counts.examples = append(l.counts.examples, fmt.Sprintf("line %d: %v", l.counts.lines, err))
		}
	}
}

// read parses a line in the log's format, or in the one that it looks like until a line has been read.
func (b *reader) read(line string, r *record) error {
	f := b.log.format
	if f == unrecognised {
		f = combined
		if line[0] == '{' {
			f = weirJSON
		}
	}
	err := b.parse.parse(f, line, r)
	if err == nil {
		b.log.format = f
	}
	return err
}

// add keeps a request.
func (b *reader) add(r *record) error {
	l := b.log
	if r.left == replayed && b.options.SafeOnly && r.method != "GET" && r.method != "HEAD" && r.method != "OPTIONS" {
		r.left = unsafe
	}
	if r.left != replayed {
		l.counts.left[r.left]++
		return nil
	}
	method, ok := b.methods[r.method]
	if !ok {
		if len(l.methods) == maxMethod {
			return fmt.Errorf("method %.20q is one of more than %d", r.method, maxMethod)
		}
		method = uint16(len(l.methods))
		l.methods = append(l.methods, strings.Clone(r.method))
		b.methods[l.methods[method]] = method
	}
	e := entry{at: r.at.UnixNano(), took: unknown, method: method, target: l.texts.add(r.target), host: l.texts.add(r.host),
		agent: l.texts.add(r.agent), referer: l.texts.add(r.referer), extra: l.texts.add(r.extra)}
	if r.timed {
		e.took = uint32(min(max(r.took.Microseconds(), 0), int64(unknown)-1))
	}
	if r.status >= 100 && r.status <= 599 {
		e.status = uint16(r.status)
	}
	if r.body || r.method == "POST" || r.method == "PUT" || r.method == "PATCH" {
		l.counts.bodies++
	}
	b.ends = b.ends || r.atEnd && r.timed
	l.entries = append(l.entries, e)
	return nil
}

// finish puts the requests in the order of their arrival.
func (b *reader) finish() (*Log, error) {
	l := b.log
	written := l.counts.lines - l.counts.blank
	switch {
	case written == 0:
		return nil, fmt.Errorf("%s is empty", l.name)
	case l.format == unrecognised || (written-l.counts.bad)*badShare < written:
		return nil, fmt.Errorf("%s is not an access log of Weir, nginx or Apache: %d of %d lines can't be read; %s",
			l.name, l.counts.bad, written, strings.Join(l.counts.examples, "; "))
	case len(l.entries) == 0:
		return nil, fmt.Errorf("%s holds no request that can be replayed%s", l.name, l.leftOut())
	}
	l.texts.seal()
	l.counts.hosts = l.countHosts()
	l.sort()
	if l.format == combined {
		l.spread(b.options)
	}
	return l, nil
}

func (l *Log) countHosts() int {
	seen := map[uint32]bool{}
	for i := range l.entries {
		seen[l.entries[i].host] = true
	}
	return len(seen)
}

// sort orders by arrival; requests of one time stay in the order of their lines.
func (l *Log) sort() {
	latest := l.entries[0].at
	for i := range l.entries {
		if l.entries[i].at < latest {
			l.counts.reordered++
		}
		latest = max(latest, l.entries[i].at)
	}
	if l.counts.reordered > 0 {
		slices.SortStableFunc(l.entries, byArrival)
	}
}

func byArrival(a, b entry) int {
	switch {
	case a.at < b.at:
		return -1
	case a.at > b.at:
		return 1
	}
	return 0
}

// spread gives the requests of one second times within it, and counts back from the end of those that say how long
// they took: nginx, which alone logs that in seconds with three decimals, writes the time of the end.
func (l *Log) spread(o Options) {
	random := rand.New(rand.NewPCG(o.Seed, 0x7370726561640a))
	var at []int64
	for from := 0; from < len(l.entries); {
		to := from
		for to < len(l.entries) && l.entries[to].at == l.entries[from].at {
			to++
		}
		at = at[:0]
		for i := range to - from {
			if o.Scatter {
				at = append(at, random.Int64N(int64(time.Second)))
			} else {
				at = append(at, int64(time.Second)*int64(i)/int64(to-from))
			}
		}
		slices.Sort(at)
		for i := range at {
			l.entries[from+i].at += at[i]
		}
		from = to
	}
	for i := range l.entries {
		if e := &l.entries[i]; e.took != unknown {
			e.at -= int64(e.took) * int64(time.Microsecond)
		}
	}
	slices.SortStableFunc(l.entries, byArrival)
}
