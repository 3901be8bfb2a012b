package rule

import (
	"weir/http7"
)

const (
	mostPreferences = 16
	mostNormal      = 512 // bytes of a value that is normalised
)

// preference is one element of a field of preferences: value[from:to], of which the part before fold is written in lower
// case, and its weight in thousandths.
type preference struct{ from, fold, to, weight uint16 }

// grammar is which field of preferences a value is of.
type grammar uint8

const (
	noGrammar   grammar = iota
	codings             // Accept-Encoding
	mediaRanges         // Accept
	languages           // Accept-Language
)

func grammarOf(id http7.ID, name []byte) grammar {
	switch {
	case id == http7.AcceptEncoding:
		return codings
	case id == http7.Accept:
		return mediaRanges
	case id == http7.Unlisted && http7.EqualFold(name, "accept-language"):
		return languages
	}
	return noGrammar
}

// normalise brings a value of Accept, Accept-Encoding or Accept-Language to the form that all values of the same
// meaning share, in place, and returns its length: elements in lower case without spaces, the heavier first, weights of
// one spelling. Equal weights keep their order but in Accept-Encoding: origins do choose by it. false: the value stays as
// it is, because its field has no such form or it departs from the grammar, so that an origin may see more in it than Weir.
// spare is as long as value, and overwritten.
func normalise(value, spare []byte, id http7.ID, name []byte) (n int, ok bool) {
	g := grammarOf(id, name)
	if g == noGrammar {
		return 0, false
	}
	var room [mostPreferences]preference
	list, ok := readPreferences(room[:0], value, g)
	if !ok {
		return 0, false
	}
	if sortPreferences(list, value, g) {
		return writePreferences(value, value, list), true
	}
	copy(spare, value)
	return writePreferences(value, spare, list), true
}

// readPreferences takes a list apart; ok is false if it departs from the grammar, is long, or names something twice.
func readPreferences(list []preference, value []byte, g grammar) (_ []preference, ok bool) {
	for i := 0; ; {
		for i < len(value) && (isOWS(value[i]) || value[i] == ',') {
			i++
		}
		if i == len(value) {
			return list, true
		}
		if len(list) == mostPreferences {
			return nil, false
		}
		p := preference{from: uint16(i), weight: 1000}
		if i, ok = p.read(value, i, g); !ok || i < len(value) && value[i] != ',' {
			return nil, false
		}
		for _, q := range list {
			if q.to-q.from == p.to-p.from && http7.EqualFold(value[q.from:q.to], value[p.from:p.to]) {
				return nil, false
			}
		}
		list = append(list, p)
	}
}

// read reads one element and its weight, and returns where it ends.
func (p *preference) read(value []byte, i int, g grammar) (end int, ok bool) {
	begin := i
	i = tokenEnd(value, i)
	if g == mediaRanges {
		if i == begin || i == len(value) || value[i] != '/' {
			return 0, false
		}
		begin = i + 1
		i = tokenEnd(value, begin)
	}
	if i == begin {
		return 0, false
	}
	if g == codings && i-begin > 2 && isOldName(value[begin:i]) {
		p.from += 2
	}
	p.fold, p.to = uint16(i), uint16(i)
	if g == mediaRanges {
		if i, ok = p.parameters(value, i); !ok {
			return 0, false
		}
	}
	return p.readWeight(value, i)
}

// isOldName: x-gzip and x-compress mean gzip and compress (RFC 9110 §8.4.1).
func isOldName(coding []byte) bool {
	return http7.EqualFold(coding, "x-gzip") || http7.EqualFold(coding, "x-compress")
}

// parameters reads those of a media range: tokens without space between, up to the weight.
func (p *preference) parameters(value []byte, i int) (end int, ok bool) {
	for i+1 < len(value) && value[i] == ';' && tokenBytes[value[i+1]] {
		name := i + 1
		eq := tokenEnd(value, name)
		if eq-name == 1 && lower(value[name]) == 'q' {
			break
		}
		if eq == len(value) || value[eq] != '=' {
			return 0, false
		}
		if i = tokenEnd(value, eq+1); i == eq+1 {
			return 0, false
		}
		p.to = uint16(i)
	}
	return i, true
}

// readWeight reads OWS ";" OWS "q=" qvalue and the space behind it (RFC 9110 §12.4.2).
func (p *preference) readWeight(value []byte, i int) (end int, ok bool) {
	if i = spaceEnd(value, i); i == len(value) || value[i] != ';' {
		return i, true
	}
	i = spaceEnd(value, i+1)
	if len(value)-i < 3 || lower(value[i]) != 'q' || value[i+1] != '=' || value[i+2] != '0' && value[i+2] != '1' {
		return 0, false
	}
	p.weight = uint16(value[i+2]-'0') * 1000
	if i += 3; i < len(value) && value[i] == '.' {
		i++
		for unit := uint16(100); unit > 0 && i < len(value) && '0' <= value[i] && value[i] <= '9'; unit /= 10 {
			p.weight += uint16(value[i]-'0') * unit
			i++
		}
	}
	return spaceEnd(value, i), p.weight <= 1000
}

func tokenEnd(b []byte, i int) int {
	for i < len(b) && tokenBytes[b[i]] {
		i++
	}
	return i
}

func spaceEnd(b []byte, i int) int {
	for i < len(b) && isOWS(b[i]) {
		i++
	}
	return i
}

// sortPreferences orders a list and reports whether it was in order already.
func sortPreferences(list []preference, value []byte, g grammar) (was bool) {
	was = true
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j].before(&list[j-1], value, g); j-- {
			list[j-1], list[j] = list[j], list[j-1]
			was = false
		}
	}
	return was
}

func (p *preference) before(q *preference, value []byte, g grammar) bool {
	if p.weight != q.weight || g != codings {
		return p.weight > q.weight
	}
	a, b := value[p.from:p.to], value[q.from:q.to]
	for i := 0; i < len(a) && i < len(b); i++ {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return x < y
		}
	}
	return len(a) < len(b)
}

// writePreferences puts the normal form of a list into dst and returns its length. It is never longer than what was read:
// a weight takes three bytes, and took four.
func writePreferences(dst, value []byte, list []preference) (n int) {
	for i := range list {
		p := &list[i]
		if i > 0 {
			dst[n] = ','
			n++
		}
		for _, c := range value[p.from:p.fold] {
			dst[n] = lower(c)
			n++
		}
		n += copy(dst[n:], value[p.fold:p.to])
		if w := p.weight; w < 1000 {
			dst[n], dst[n+1], dst[n+2] = ';', byte(w>>8), byte(w)
			n += 3
		}
	}
	return n
}
