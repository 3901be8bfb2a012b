package ipfilter

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"weir/http7/policy"
	"weir/internal/conf"
	"weir/internal/filewatch"
)

// Filter judges addresses. What it knows changes with its files; it is safe for concurrent use.
type Filter struct {
	allow, deny side
	ends        []func()
}

// side is what is allowed, or what is denied. The table is nil if that is not asked.
type side struct {
	list  []conf.Prefix
	path  string
	table atomic.Pointer[table]
	watch *filewatch.File
}

// New returns the filter of a config for the bundle: the one that is kept, if there is one of the same lists whose files
// have not changed. It fails
// if a file can't be read or has a bad line. Without needs nothing is opened, and the files count as empty.
func New(c *Config, bundle string, needs *policy.Needs) (*Filter, error) {
	f := &Filter{}
	f.allow.list, f.allow.path = c.Allow, c.AllowFile
	f.deny.list, f.deny.path = c.Deny, c.DenyFile
	if needs == nil {
		f.allow.path, f.deny.path = "", ""
		return f, errors.Join(f.allow.load(), f.deny.load())
	}
	name := bundle + section
	key := fmt.Sprintf("%s\x00%q\x00%q\x00%s\x00%q\x00%q\x00%s", name, c.Allow, c.AllowFile, stamp(c.AllowFile), c.Deny, c.DenyFile, stamp(c.DenyFile))
	return policy.Adopt(needs.Turn, key, func() (*Filter, error) { return f, f.open(name, needs) })
}

// stamp makes a reload read what has changed at once.
func stamp(path string) string {
	if path == "" {
		return ""
	}
	return filewatch.Stamp(path)
}

// open reads and watches the files.
func (f *Filter) open(name string, needs *policy.Needs) error {
	for _, s := range []*side{&f.allow, &f.deny} {
		if err := s.open(name, needs); err != nil {
			f.Close()
			return err
		}
	}
	f.ends = append(f.ends,
		needs.Gauged(name, "allowed_networks", f.allow.size),
		needs.Gauged(name, "denied_networks", f.deny.size),
		needs.Gauged(name, "failed_files", func() float64 { return f.allow.failed() + f.deny.failed() }))
	return nil
}

// Close ends the watch over the files. Who still has f may go on asking.
func (f *Filter) Close() {
	for _, s := range []*side{&f.allow, &f.deny} {
		if s.watch != nil {
			s.watch.Close()
		}
	}
	for _, end := range f.ends {
		end()
	}
}

func (s *side) open(name string, needs *policy.Needs) (err error) {
	if s.path == "" {
		return s.load()
	}
	s.watch, err = needs.Files.Watch(name, s.path, s.load)
	return err
}

// load makes the table anew; the old one serves until the new one is whole.
func (s *side) load() error {
	t, err := newTable(s.list, s.path)
	if err == nil {
		s.table.Store(t)
	}
	return err
}

func (s *side) size() float64 {
	if t := s.table.Load(); t != nil {
		return float64(t.count)
	}
	return 0
}

func (s *side) failed() float64 {
	if s.watch != nil && s.watch.Failed() != "" {
		return 1
	}
	return 0
}

// Why an address is refused, for the log alone.
var (
	errDenied     = errors.New("the address is in a denied network")
	errNotAllowed = errors.New("the address is in no allowed network")
)

// Allows reports whether a is served. An IPv4 address in IPv6 counts as IPv4; no address at all, as on a unix socket,
// is in no network. It allocates nothing.
func (f *Filter) Allows(a netip.Addr) bool { return f.judge(a) == nil }

// judge returns why a is not served, nil if it is.
func (f *Filter) judge(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	allow, deny := f.allow.table.Load(), f.deny.table.Load()
	denied := deny != nil && deny.Contains(a)
	switch {
	case allow == nil && !denied:
		return nil
	case allow == nil:
		return errDenied
	case !allow.Contains(a):
		return errNotAllowed
	case denied && deny.length(a) >= allow.length(a):
		return errDenied
	}
	return nil
}
