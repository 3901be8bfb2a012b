package discover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"weir/internal/conf"
	"weir/internal/tomlfile"
	"weir/lb"
)

// watchEvery is the time between two looks at a file. It is read whole each time that its time, size or identity has
// changed, so that writing it anew, renaming another over it and turning a link all work.
const watchEvery = time.Second

// maxFile bounds what is read: some hundred thousand endpoints.
const maxFile = 16 << 20

// file lists what a watched TOML file has.
type file struct {
	path string
	seen os.FileInfo // nil: not read
}

func (f *file) run(ctx context.Context, offer func([]entry), fail func(error)) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	problem := ""
	for {
		if list, news, err := f.look(); err == nil && news {
			problem = ""
			offer(list)
		} else if err != nil && err.Error() != problem {
			problem = err.Error()
			fail(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look reads the file if it is not the one that was looked at last.
func (f *file) look() (list []entry, news bool, err error) {
	info, err := os.Stat(f.path)
	if err == nil && f.seen != nil && os.SameFile(f.seen, info) && f.seen.ModTime().Equal(info.ModTime()) && f.seen.Size() == info.Size() {
		return nil, false, nil
	}
	if f.seen = info; err != nil {
		f.seen = nil
		return nil, false, err
	}
	if info.Size() > maxFile {
		return nil, false, fmt.Errorf("%s has %d bytes, and at most %d are read", f.path, info.Size(), maxFile)
	}
	raw, err := conf.ReadFile(f.path) // it may be another by now
	if err != nil {
		f.seen = nil
		return nil, false, err
	}
	if list, err = parse(f.path, raw); err != nil {
		return nil, false, fmt.Errorf("%s: %w", f.path, err)
	}
	return list, true, nil
}

// fileConfig is what the file may hold.
type fileConfig struct {
	// Endpoints are in the words of an upstream's. Required.
	Endpoints []lb.EndpointConfig `toml:"endpoints"`
}

// parse reads the endpoints of a file strictly, as those of a configuration are.
func parse(name string, raw []byte) ([]entry, error) {
	r := &tomlfile.Report{}
	root := tomlfile.Parse(tomlfile.NewFile(name, raw, 0), r)
	if r.Unreadable() {
		return nil, firstProblem(r)
	}
	for _, n := range root.Get("endpoints").List() {
		if n.Kind == tomlfile.Table {
			n.Fill(tomlfile.FromValue(lb.DefaultEndpoint()))
		}
	}
	var c fileConfig
	none := tomlfile.Sources{Lookup: func(string) (string, bool) { return "", false }, Read: conf.ReadFile}
	tomlfile.Decode(root, &c, none, r)
	if !r.Failed() {
		p := conf.NewProblems()
		checked := lb.Default()
		checked.Endpoints = c.Endpoints
		checked.Check(p)
		r.Place(root, p.List())
	}
	if r.Failed() {
		return nil, firstProblem(r)
	}
	return entries(c.Endpoints), nil
}

// firstProblem returns the first problem of a report, and says how many there are.
func firstProblem(r *tomlfile.Report) error {
	var found []tomlfile.Finding
	for _, f := range r.Findings() {
		if !f.Warning {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		return errors.New("it can't be read")
	}
	f := found[0]
	text := f.Text
	if f.Key != "" {
		text = f.Key + ": " + text
	}
	line, column := f.At.Position()
	err := fmt.Errorf("line %d, column %d: %s", line, column, text)
	if n := len(found); n > 1 {
		err = fmt.Errorf("%w (the first of %d problems)", err, n)
	}
	return err
}
