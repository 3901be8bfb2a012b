package scenario

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"weir/bench"
	"weir/internal/conf"
	"weir/internal/tomlfile"
)

// Load reads the scenario at path and the files that it names. The Report is never nil; the Scenario is nil if the
// Report has failed.
func Load(path string) (*Scenario, *tomlfile.Report) {
	text, err := os.ReadFile(path)
	if err != nil {
		r := &tomlfile.Report{}
		r.Note(tomlfile.Finding{Text: path + " can't be read: " + cause(err)})
		return nil, r
	}
	return Parse(path, text, os.ReadFile)
}

// Parse is Load for a text in memory, which problems call name; readFile reads what it refers to.
func Parse(name string, text []byte, readFile func(path string) ([]byte, error)) (*Scenario, *tomlfile.Report) {
	l := &loader{dir: filepath.Dir(name), readFile: readFile, report: &tomlfile.Report{}, problems: conf.NewProblems(), data: map[string]*table{}, site: firstSite}
	file := tomlfile.NewFile(name, text, 0)
	l.source = &source{text: bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), root: tomlfile.Parse(file, l.report), report: l.report}
	if l.report.Unreadable() {
		return nil, l.report
	}
	s := l.compile(l.decode())
	if l.report.Failed() {
		return nil, l.report
	}
	return s, l.report
}

// firstSite leaves site 0 to the choice of the request.
const firstSite = 1

// loader is one load in progress.
type loader struct {
	dir      string
	readFile func(string) ([]byte, error)
	source   *source
	report   *tomlfile.Report
	problems *conf.Problems
	data     map[string]*table
	site     uint64
}

// decode fills in the defaults and turns the tree into a Config.
func (l *loader) decode() *Config {
	root := l.source.root
	for _, n := range root.Get("requests").List() {
		n.Fill(tomlfile.FromValue(defaultRequest()))
	}
	if data := root.Get("data"); data != nil && data.Kind == tomlfile.Table {
		for _, name := range data.Keys {
			data.Get(name).Fill(tomlfile.FromValue(defaultData()))
			l.data[name] = &table{broken: true} // until it is loaded
		}
	}
	c := &Config{}
	none := tomlfile.Sources{Lookup: func(string) (string, bool) { return "", false }, Read: l.readFile}
	tomlfile.Decode(root, c, none, l.report)
	return c
}

// compile checks a Config and turns it into a Scenario; nobody may use that if the report has failed.
func (l *loader) compile(c *Config) *Scenario {
	if len(c.Requests) == 0 {
		l.problems.Add("requests", "the scenario has no request", "write [[requests]] and below it path = \"/\"")
	}
	l.loadData(c.Data)
	s := &Scenario{data: l.data, now: unixMilli}
	seen := map[string]bool{}
	total := uint64(0)
	shared := l.headers(conf.Path{"headers"}, c.Headers)
	for i, r := range c.Requests {
		p := l.problems.Index("requests", i)
		r.settle()
		r.check(p)
		if seen[r.Name] && r.Path != "" {
			p.Add("name", "there are two requests "+strconv.Quote(r.Name), "give each a name of its own")
		}
		seen[r.Name] = true
		s.requests = append(s.requests, l.request(conf.Path{"requests", "[" + strconv.Itoa(i) + "]"}, r, shared))
		total += uint64(max(0, r.Weight))
		s.bounds = append(s.bounds, total)
	}
	l.report.Place(l.source.root, l.problems.List())
	return s
}

// loadData reads the data files.
func (l *loader) loadData(data map[string]*Data) {
	order := 0
	for _, name := range sorted(data) {
		d, p := data[name], l.problems.In("data", name)
		d.check(name, p)
		if d.File == "" {
			continue
		}
		path := l.path(d.File)
		text, err := l.readFile(path)
		if err != nil {
			p.Add("file", path+" can't be read: "+cause(err), "")
			continue
		}
		order++
		t := loadTable(path, "data."+name, text, order, l.report)
		t.random = d.Order == orderRandom
		t.site = l.nextSite()
		l.data[name] = t
	}
}

func (l *loader) nextSite() uint64 {
	l.site++
	return l.site - 1
}

// path returns where a file is that the scenario names.
func (l *loader) path(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(l.dir, file)
}

// request compiles one request.
func (l *loader) request(at conf.Path, r *Request, shared []header) request {
	out := request{name: r.Name, method: r.Method, host: r.Host}
	out.path = l.template(below(at, "path"), r.Path, inPath, pathSink{})
	own := l.headers(below(at, "headers"), r.Headers)
	out.headers = append(without(shared, own), own...)
	switch {
	case r.BodyFile == "":
		out.body = l.template(below(at, "body"), r.Body, asIs, nil)
	case r.Body == "":
		text, err := l.readFile(l.path(r.BodyFile))
		if err != nil {
			l.problems.At(at).Add("body_file", l.path(r.BodyFile)+" can't be read: "+cause(err), "")
		}
		if len(text) > 0 {
			out.body = []piece{{kind: literal, text: string(text)}}
		}
	}
	out.expect = r.Expect.compile()
	return out
}

// headers compiles header fields in the order in which they were written.
func (l *loader) headers(at conf.Path, fields map[string][]string) []header {
	var list []header
	node := find(l.source.root, at)
	if node == nil {
		return nil
	}
	p := l.problems.At(at)
	for _, name := range node.Keys {
		values, ok := fields[name]
		if !ok {
			continue // it did not fit, which is reported
		}
		checkFieldName(name, p)
		for i, v := range values {
			pieces := l.template(below(at, name, "["+strconv.Itoa(i)+"]"), v, asIs, fieldSink{})
			list = append(list, header{name: name, value: pieces})
		}
	}
	return list
}

// template parses one text and checks what it comes to in its place; sink is nil where anything goes.
func (l *loader) template(at conf.Path, text string, usual encoding, to sink) []piece {
	p := parser{data: l.data, usual: usual, site: &l.site}
	p.parse(text)
	for _, t := range p.troubles {
		l.source.within(at, t.start, t.end, t.text, t.hint)
	}
	if to != nil && len(p.troubles) == 0 && text != "" {
		if text, hint := checkPieces(p.pieces, to); text != "" {
			l.problems.At(at).Add("", text, hint)
		}
	}
	return p.pieces
}

// below returns path with further keys, sharing nothing with it.
func below(path conf.Path, keys ...string) conf.Path {
	return append(append(conf.Path(nil), path...), keys...)
}

// cause is the reason of a file error, without the system call and the path.
func cause(err error) string {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}

// compile returns the check of answers, nil for the usual one.
func (e *Expect) compile() *bench.Expect {
	if len(e.Status) == 0 && e.Body.empty() {
		return nil
	}
	out := &bench.Expect{}
	if sets := e.Status; len(sets) > 0 {
		out.Status = func(status int) bool {
			for i := range sets {
				if sets[i].Has(status) {
					return true
				}
			}
			return false
		}
	}
	if !e.Body.empty() {
		out.Body = e.Body.compile()
	}
	return out
}
