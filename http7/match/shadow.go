package match

import (
	"cmp"
	"slices"
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
func shadows(rules []rule, routes []*http7.Route, pause func()) (found []Shadow) {
	s := shade{rests: map[string][]*rule{}, living: map[*http7.Route]bool{}, why: map[*http7.Route]Shadow{}}
	for at := 0; at < len(rules); {
		end := at + 1
		for end < len(rules) && samePlace(&rules[at], &rules[end]) {
			end++
		}
		s.enter(rules[at:end])
		s.judgeAll(rules[at:end], pause)
		at = end
	}
	for _, r := range routes {
		if d, dead := s.why[r]; dead && !s.living[r] {
			found = append(found, d)
		}
	}
	return found
}

// mostAbove is how many better rules of its place a rule is compared with: where thousands share one,
// each pair of them would take seconds.
const mostAbove = 1000

// shade is what may cover the rules that come later.
type shade struct {
	host  *hostPattern
	rests map[string][]*rule // the prefixes of the host, by their text without "/*"

	living map[*http7.Route]bool
	why    map[*http7.Route]Shadow // of routes with a rule that is dead
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

// judgeAll judges the rules of a place, the best first.
func (s *shade) judgeAll(rules []rule, pause func()) {
	better := 0 // the end of those that come before by more than their place in the config
	for i := range rules {
		r := &rules[i]
		if i > 0 && compareRules(&rules[i-1], r) < 0 {
			better = i
		}
		pause()
		if s.living[r.route] {
			continue
		}
		if why, dead := s.judge(r, rules[max(0, better-mostAbove):better]); dead {
			s.why[r.route] = why
		} else {
			s.living[r.route] = true
		}
	}
}

// judge looks for what takes all that r takes; before are the better rules of its place.
func (s *shade) judge(r *rule, before []rule) (why Shadow, dead bool) {
	if text := contradiction(r); text != "" {
		return Shadow{Route: r.route, Why: text}, true
	}
	above := s.coverers(r)
	for i := range before {
		if b := &before[i]; b.path.re == r.path.re && covers(b, r) {
			above = append(above, b)
		}
	}
	if len(above) == 0 {
		return Shadow{}, false
	}
	var by *rule
	for _, m := range orAny(r.route.Methods) {
		if by = taking(above, m); by == nil {
			return Shadow{}, false
		}
	}
	return Shadow{Route: r.route, By: by.route, Why: reason(by, r)}, true
}

// coverers returns the prefixes that take every path that r's regular expression takes, and ask for
// no more.
func (s *shade) coverers(r *rule) (above []*rule) {
	if r.path.re == nil {
		return nil
	}
	all := s.rests[""]
	for i, c := range []byte(r.path.re.prefix) {
		if c == '/' && i > 0 {
			all = append(slices.Clip(all), s.rests[r.path.re.prefix[:i]]...)
		}
	}
	for _, a := range all {
		if covers(a, r) {
			above = append(above, a)
		}
	}
	return above
}

// taking returns a rule that takes a method; "" is any.
func taking(rules []*rule, method string) *rule {
	for _, r := range rules {
		if takesMethod(r.route.Methods, []byte(method)) {
			return r
		}
	}
	return nil
}

// covers reports that a is another route's, and that whatever meets r's conditions meets a's.
func covers(a, r *rule) bool {
	if a.route == r.route {
		return false
	}
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
	} else if e != nil {
		if text := cmp.Or(misspelt(e.prefix), misspelt(e.inner)); text != "" {
			return text
		}
	}
	if r.demands == nil {
		return ""
	}
	list := r.demands.conditions
	for i := range list {
		if text := unmet(list[i].is); text != "" {
			return text
		}
		for j := range list[:i] {
			if list[i].excludes(&list[j]) {
				return "its conditions on " + subject(list[j].is) + " and " + subject(list[i].is) + " exclude each other"
			}
		}
	}
	return ""
}
