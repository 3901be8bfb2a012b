package geo

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
)

// mostBytes is how large a database may be: one with cities has some 130 MB.
const mostBytes = 1 << 30

// place is where an address is. The texts are empty where the database says nothing.
type place struct{ country, continent string }

// database is a MaxMind DB of which every record has been read. It never changes.
type database struct {
	reader *maxminddb.Reader
	places map[uintptr]*spot // by where the record lies
}

// spot is a place and what a filter says of it.
type spot struct {
	place
	refused error
}

// open reads the whole search tree of a database, so that a damaged one is found now and a look-up reads no record.
// data must not change afterwards.
func open(data []byte) (d *database, err error) {
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, err
	}
	d = &database{reader: reader, places: map[uintptr]*spot{}}
	known := false
	leaves := 2*uint64(reader.Metadata.NodeCount) + 1
	for r := range reader.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if leaves--; leaves == 0 { // a damaged tree may meet itself, and have no end
			return nil, errors.New("its search tree is damaged")
		}
		if err := r.Err(); err != nil {
			return nil, err
		}
		if !r.Found() || d.places[r.Offset()] != nil {
			continue
		}
		p, err := placeOf(r)
		if err != nil {
			return nil, err
		}
		d.places[r.Offset()] = &spot{place: p}
		known = known || p.country != ""
	}
	if !known {
		return nil, errors.New("it names no country")
	}
	return d, nil
}

// record is what is read of a record: MaxMind's form, in which countries are tables, or the flat one of others.
type record struct {
	Country       any `maxminddb:"country"`
	Registered    any `maxminddb:"registered_country"`
	CountryCode   any `maxminddb:"country_code"`
	Continent     any `maxminddb:"continent"`
	ContinentCode any `maxminddb:"continent_code"`
}

// placeOf reads a record. An address that is no country's, such as an anycast one, counts as in the country where it is
// registered.
func placeOf(r maxminddb.Result) (p place, err error) {
	var rec record
	if err := r.Decode(&rec); err != nil {
		return p, fmt.Errorf("a record of %s: %w", r.Prefix(), err)
	}
	p.country = cmp.Or(codeIn(rec.Country, "iso_code"), codeIn(rec.Registered, "iso_code"), codeIn(rec.CountryCode, ""))
	p.continent = cmp.Or(codeIn(rec.Continent, "code"), codeIn(rec.ContinentCode, ""), continentOf[p.country])
	return p, nil
}

// codeIn returns the two capitals that v is, or has under key; "" for anything else that may be there.
func codeIn(v any, key string) string {
	if table, ok := v.(map[string]any); ok {
		v = table[key]
	}
	if code, ok := v.(string); ok && isCode(code) {
		return code
	}
	return ""
}

// at returns where an address is, nil if nobody knows.
func (d *database) at(a netip.Addr) *spot {
	if !a.IsValid() {
		return nil
	}
	r := d.reader.Lookup(a)
	if !r.Found() {
		return nil
	}
	return d.places[r.Offset()]
}
