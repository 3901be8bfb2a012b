package match

import (
	"strconv"
	"strings"

	"weir/http7"
)

// Shadow says that a route can never match.
type Shadow struct {
	Route *http7.Route
	// By is the route that takes what Route asks for, nil if Route stands in its own way. Where several
	// do so together it is one of them.
	By *http7.Route
	// Why goes on where "route X can never match: " ends.
	Why string
}

// shadows finds routes all of whose rules are dead: another one, or several that share the methods,
// comes first and takes whatever they take; or nothing could ever meet them. What it does not
// prove it does not say.
func shadows(rules []rule, routes []*http7.Route) (found []Shadow) {
	s := shade{rests: map[string][]*rule{}}
	living := map[*http7.Route]bool{}
	why := map[*http7.Route]Shadow{}
	for at := 0; at < len(rules); {
		end := at + 1
		for end < len(rules) && samePlace(&rules[at], &rules[end]) {
			end++
		}
		s.enter(rules[at:end])
		for i := at; i < end; i++ {
			r := &rules[i]
			if living[r.route] {
				continue
			}
			if d, dead := s.judge(r, rules[at:i]); dead {
				why[r.route] = d
			} else {
				living[r.route] = true
			}
		}
		at = end
	}
	for _, r := range routes {
		if d, dead := why[r]; dead && !living[r] {
			found = append(found, d)
		}
	}
	return found
}

// shade is what may cover the rules that come later.
type shade struct {
	host  *hostPattern
	rests map[string][]*rule // the prefixes of the host, by their text without "/*"
}

// enter notes the rules of a place for the regular expressions of its host, which come last.
func (s *shade) enter(rules []rule) {
	r := &rules[0]
	if s.host == nil || compareHosts(s.host, r.host) != 0 {
		s.host = r.host
		clear(s.rests)
	}
	if r.path.re != nil || !r.path.rest || len(r.path.captures.at) > 0 {
		return
	}
	text := ""
	if len(r.path.segments) > 0 {
		text = "/" + strings.Join(r.path.segments, "/")
	}
	s.rests[text] = pointers(rules)
}

// judge looks for what takes all that r takes; before are the rules of its place that come first.
func (s *shade) judge(r *rule, before []rule) (why Shadow, dead bool) {
	if text := contradiction(r); text != "" {
		return Shadow{Route: r.route, Why: text}, true
	}
	above := s.coverers(r)
	for i := range before {
		b := &before[i]
		if compareRules(b, r) < 0 && b.path.re == r.path.re {
			above = append(above, b)
		}
	}
	if len(above) == 0 {
		return Shadow{}, false
	}
	var by *rule
	for _, m := range orAny(r.route.Methods) {
		one := covering(above, r, m)
		if one == nil {
			return Shadow{}, false
		}
		by = one
	}
	return Shadow{Route: r.route, By: by.route, Why: reason(by, r)}, true
}

// coverers returns the prefixes that take every path that r's regular expression takes.
func (s *shade) coverers(r *rule) (above []*rule) {
	if r.path.re == nil {
		return nil
	}
	above = append(above, s.rests[""]...)
	for i, c := range []byte(r.path.re.prefix) {
		if c == '/' && i > 0 {
			above = append(above, s.rests[r.path.re.prefix[:i]]...)
		}
	}
	return above
}

// covering returns a rule of above that takes all that r takes with a method; "" is any method.
func covering(above []*rule, r *rule, method string) *rule {
	for _, a := range above {
		if a.route != r.route && takesMethod(a.route.Methods, []byte(method)) && covers(a, r) {
			return a
		}
	}
	return nil
}

// covers reports that whatever meets r's conditions meets a's.
func covers(a, r *rule) bool {
	if a.demands == nil {
		return true
	}
	for i := range a.demands.conditions {
		c := &a.demands.conditions[i]
		if d := r.same(c); d == nil || !d.implies(c) {
			return false
		}
	}
	return true
}

func reason(by, r *rule) string {
	name := "route " + strconv.Quote(by.route.Name)
	if by.path.re == nil && r.path.re != nil {
		return name + " takes all of it first: " + strconv.Quote(by.path.text) + " comes before every regular expression of its host"
	}
	return name + " asks for no more and has the higher priority"
}

// contradiction says why no request could ever meet r, "" if that is not known.
func contradiction(r *rule) string {
	if e := r.path.re; e != nil && e.prefix != "" && e.prefix[0] != '/' && e.prefix[0] != '*' {
		return "no path begins with " + strconv.Quote(e.prefix)
	}
	if r.demands == nil {
		return ""
	}
	list := r.demands.conditions
	for i := range list {
		for j := range list[:i] {
			if list[i].excludes(&list[j]) {
				return "its conditions on " + subject(list[j].is) + " and " + subject(list[i].is) + " exclude each other"
			}
		}
	}
	return ""
}
