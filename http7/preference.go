package http7

// Preferences walks the elements of a list with weights, such as Accept and Accept-Encoding (RFC 9110
// §12.4.2). The zero value of more is an empty list. It allocates nothing.
type Preferences struct{ rest []byte }

// PreferencesOf returns the walk over a field's value.
func PreferencesOf(value []byte) Preferences { return Preferences{value} }

// Next returns the next element, without its weight and the space around it, and its weight in
// thousandths, 1000 if it has none. Parameters before the weight belong to the element; what follows
// the weight is dropped. Elements that are empty or whose weight is no number from 0 to 1 are left
// out. ok is false at the end.
func (p *Preferences) Next() (element []byte, weight int, ok bool) {
	for len(p.rest) > 0 {
		var item []byte
		item, p.rest = cutOutside(p.rest, ',')
		element, weight = splitWeight(item)
		if len(element) > 0 && weight >= 0 {
			return element, weight, true
		}
	}
	return nil, 0, false
}

// splitWeight cuts an element before its parameter q; weight is -1 if that is no weight.
func splitWeight(item []byte) (element []byte, weight int) {
	first, params := cutOutside(item, ';')
	at := len(first)
	for len(params) > 0 {
		begin := len(item) - len(params)
		var param []byte
		param, params = cutOutside(params, ';')
		if value, is := weightParam(trimOWS(param)); is {
			return trimOWS(item[:at]), parseWeight(value)
		}
		at = begin + len(param)
	}
	return trimOWS(item), 1000
}

func weightParam(param []byte) (value []byte, is bool) {
	if len(param) < 2 || param[0]|0x20 != 'q' || param[1] != '=' {
		return nil, false
	}
	return param[2:], true
}

// parseWeight reads 0, 0.5, 1 or 1.000; digits behind the third are dropped, though the grammar has
// none there. It returns -1 for anything else.
func parseWeight(b []byte) int {
	if len(b) == 0 || b[0] != '0' && b[0] != '1' || len(b) > 1 && b[1] != '.' {
		return -1
	}
	weight, unit := int(b[0]-'0')*1000, 100
	for i := 2; i < len(b); i++ {
		if b[i] < '0' || b[i] > '9' {
			return -1
		}
		weight += int(b[i]-'0') * unit
		unit /= 10
	}
	if weight > 1000 {
		return -1
	}
	return weight
}

// cutOutside cuts b at the first sep that stands outside quotes (RFC 9110 §5.6.4).
func cutOutside(b []byte, sep byte) (before, after []byte) {
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == sep && !quoted:
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

func trimOWS(b []byte) []byte {
	for len(b) > 0 && isOWS(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isOWS(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
