package match

import (
	"weir/http7"
)

// choice spares a place with many rules, such as one for each tenant, a look at each: those that ask for
// a value of one header, cookie or claim are found by the value that the request has.
type choice struct {
	on     *condition
	by     map[string][]uint32 // by the value asked for: rules, the best first
	others []uint32            // rules that don't ask for a value of it
}

// fewRules is how many rules of a place are looked at one by one.
const fewRules = 8

// choose makes the choice of a place with many rules.
func (t *Table) choose(p place) {
	if p.n <= fewRules {
		return
	}
	c := choice{on: mostAsked(t.rules[p.from : p.from+p.n]), by: map[string][]uint32{}}
	if c.on == nil {
		return
	}
	for i := p.from; i < p.from+p.n; i++ {
		if same := t.rules[i].same(c.on); same.asksValue() {
			c.by[same.value] = append(c.by[same.value], i)
		} else {
			c.others = append(c.others, i)
		}
	}
	if t.choices == nil {
		t.choices = map[uint32]*choice{}
	}
	t.choices[p.from] = &c
}

// mostAsked returns a condition on that of which most rules ask for a value; nil if most ask for none.
func mostAsked(rules []rule) (most *condition) {
	asked, best := map[string]int{}, len(rules)/2
	for i := range rules {
		if rules[i].demands == nil {
			continue
		}
		for j := range rules[i].demands.conditions {
			c := &rules[i].demands.conditions[j]
			if !c.asksValue() {
				continue
			}
			if asked[c.selector]++; asked[c.selector] > best {
				most, best = c, asked[c.selector]
			}
		}
	}
	return most
}

// asksValue reports whether a choice can be made by c, which may be nil.
func (c *condition) asksValue() bool {
	return c != nil && c.is.Test == http7.Equals &&
		(c.is.On == http7.OnHeader || c.is.On == http7.OnCookie || c.is.On == http7.OnClaim)
}

// firstOf asks the rules of a choice in turn: those that ask for the value that x has and those that
// ask for none, as their rank has them.
func (q *query) firstOf(c *choice) bool {
	var list []uint32
	if value, ok := q.onlyValue(c.on); ok {
		list = c.by[string(value)]
	}
	others := c.others
	for len(list)+len(others) > 0 {
		from := &others
		if len(others) == 0 || len(list) > 0 && list[0] < others[0] {
			from = &list
		}
		number := (*from)[0]
		*from = (*from)[1:]
		if q.first(place{number, 1}) {
			return true
		}
	}
	return false
}

// onlyValue returns the value of what c is on; not ok if there is none, or there are different ones.
func (q *query) onlyValue(c *condition) (value []byte, ok bool) {
	see := func(v []byte) bool {
		if ok && string(v) != string(value) {
			return false
		}
		value, ok = v, true
		return true
	}
	switch x := q.x; c.is.On {
	case http7.OnHeader:
		for i := x.Request.Find(c.header, 0); i >= 0; i = x.Request.Find(c.header, i+1) {
			if !see(x.Request.Value(i)) {
				return nil, false
			}
		}
	case http7.OnCookie:
		for cookie := http7.Cookies(&x.Request, c.is.Name); cookie.Next(); {
			if !see(cookie.Value()) {
				return nil, false
			}
		}
	case http7.OnClaim:
		for i := range x.Claims {
			if x.Claims[i].Name == c.is.Name && !see(x.Claims[i].Value) {
				return nil, false
			}
		}
	}
	return value, ok
}
