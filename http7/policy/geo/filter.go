package geo

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"weir/http7/policy"
	"weir/internal/conf"
	"weir/internal/filewatch"
)

// Filter knows where addresses are, and judges them by it. What it knows changes with its file; it is safe for
// concurrent use.
type Filter struct {
	path    string
	rules   rules
	unknown *spot // what stands for addresses of which nothing is known
	data    atomic.Pointer[database]
	watch   *filewatch.File
	ends    []func()
}

// New returns the filter of a config for the bundle: the one that is kept, if there is one of the same rules and of a
// file that has not changed: a reload takes a new one at once. It fails if the database can't be read. Without needs
// nothing is opened, and every address is unknown.
func New(c *Config, bundle string, needs *policy.Needs) (*Filter, error) {
	f := &Filter{path: c.Database, rules: newRules(c)}
	f.unknown = &spot{refused: f.rules.judge(place{})}
	if needs == nil {
		return f, nil
	}
	name := bundle + section
	key := fmt.Sprintf("%s\x00%q\x00%q\x00%q\x00%q\x00%q\x00%t", name, c.Database+filewatch.Stamp(c.Database), c.AllowCountries, c.DenyCountries, c.AllowContinents, c.DenyContinents, c.AllowUnknown)
	return policy.Adopt(needs.Turn, key, func() (*Filter, error) { return f, f.open(name, needs) })
}

func (f *Filter) open(name string, needs *policy.Needs) (err error) {
	if f.watch, err = needs.Files.Watch(name, f.path, f.load); err != nil {
		return err
	}
	f.ends = append(f.ends,
		needs.Gauged(name, "database_built", func() float64 { return float64(f.data.Load().reader.Metadata.BuildEpoch) }),
		needs.FailedFile(name, f.watch))
	return nil
}

// Close ends the watch over the database. Who still has f may go on asking.
func (f *Filter) Close() {
	f.watch.Close()
	for _, end := range f.ends {
		end()
	}
}

// load reads the database; the one before serves until this one is whole.
func (f *Filter) load() error {
	data, err := conf.ReadUpTo(f.path, mostBytes)
	if err != nil {
		return err
	}
	d, err := open(data)
	if err != nil {
		return err
	}
	for _, s := range d.places {
		s.refused = f.rules.judge(s.place)
	}
	f.data.Store(d)
	return nil
}

// Allows reports whether clients at a are served. An IPv4 address in IPv6 counts as IPv4. It allocates nothing.
func (f *Filter) Allows(a netip.Addr) bool { return f.find(a).refused == nil }

// Country returns where a is, in two capitals; "" if nobody knows. It allocates nothing.
func (f *Filter) Country(a netip.Addr) string { return f.find(a).country }

func (f *Filter) find(a netip.Addr) *spot {
	if d := f.data.Load(); d != nil {
		if s := d.at(a.Unmap().WithZone("")); s != nil {
			return s
		}
	}
	return f.unknown
}

// rules say of which places clients are served. They never change.
type rules struct {
	allowCountries, denyCountries   []string
	allowContinents, denyContinents []string
	allowUnknown, some              bool
}

func newRules(c *Config) rules {
	return rules{
		c.AllowCountries, c.DenyCountries, c.AllowContinents, c.DenyContinents,
		c.AllowUnknown, len(c.AllowCountries)+len(c.AllowContinents) > 0,
	}
}

// Why a client is refused, for the log alone.
var (
	errDenied     = errors.New("the address is in a denied country or continent")
	errNotAllowed = errors.New("the address is in no allowed country or continent")
	errUnknown    = errors.New("nobody knows in which country the address is")
)

// judge returns why clients at p are not served, nil if they are.
func (r *rules) judge(p place) error {
	switch {
	case slices.Contains(r.denyCountries, p.country):
		return errDenied
	case slices.Contains(r.allowCountries, p.country):
		return nil
	case slices.Contains(r.denyContinents, p.continent):
		return errDenied
	case slices.Contains(r.allowContinents, p.continent) || !r.some:
		return nil
	case p.country != "" || p.continent != "":
		return errNotAllowed
	case r.allowUnknown:
		return nil
	}
	return errUnknown
}
