package gateway

import (
	"strings"
	"testing"
)

// A hash went into a template as if it were the text, when a condition of the same config compared that selector: plan
// foresaw a redirect to "/hmac:…". The hidden value says only what it is equal to.
func TestAHiddenValueIsFilledIntoNoTemplate(t *testing.T) {
	head := "state_dir = \"" + t.TempDir() + "\"\naccess_log.path = \"-\"\n"
	compares := "[[routes]]\nname = \"u\"\nmatch = { path = \"/u\", cookies = { uid = \"7\" } }\nrespond = {}\n"
	upstream := "[upstreams.one]\nendpoints = \"" + endpoint(t, "one") + "\"\n"
	route := func(action string) string { return "[[routes]]\nname = \"a\"\nmatch.path = \"/a\"\n" + action }
	plainly := route("redirect.to = \"/x\"\n")
	r := start(t, head+web0+compares+plainly)
	r.tell(asked{path: "/a", header: map[string]string{"Cookie": "uid=x"}, status: 308})
	r.tell(asked{path: "/a", status: 308})
	until(t, "two lines are written", func() bool { return strings.Count(r.access.String(), "\n") == 2 })
	log := r.access.String()
	for _, c := range []struct {
		about, next                string
		same, changed, undecidable int64
	}{
		{"a redirect", compares + route("redirect.to = \"/{cookie.uid}\"\n"), 0, 1, 1},
		{"a rewrite", compares + upstream + route("upstream = \"one\"\nrewrite = { regex = '^/a', to = '/{cookie.uid}' }\n"), 0, 1, 1},
		{"a regular expression", compares + plainly + "[[routes]]\nname = \"b\"\nmatch = { path = \"/a\", cookies = { uid = \"~^x\" } }\nrespond = {}\n", 1, 0, 1},
		{"a comparison", compares + plainly + "[[routes]]\nname = \"b\"\nmatch = { path = \"/a\", cookies = { uid = \"8\" } }\nrespond = {}\n", 2, 0, 0},
		{"a template of a field that goes to the endpoint decides nothing", compares + route("policies = \"p\"\nredirect.to = \"/x\"\n") + "[policies.p]\nheaders.request.set = { X-Uid = \"{cookie.uid}\" }\n", 2, 0, 0},
	} {
		l := planOf(t, head+web+compares+plainly, head+web+c.next, log).Log
		if l.Same != c.same || l.Changed != c.changed || l.Undecidable != c.undecidable {
			t.Errorf("%s: %d same, %d changed, %d undecidable; want %+v", c.about, l.Same, l.Changed, l.Undecidable, c)
		}
	}
}

// The log has no Location: a redirect whose old target hung on a hidden value was said to be the same, whatever the new one was.
func TestARedirectThatTheOldConfigCannotTellIsTheSameByTheSameTemplateAlone(t *testing.T) {
	head := "state_dir = \"" + t.TempDir() + "\"\naccess_log.path = \"-\"\n"
	route := func(match, to string) string {
		return "[[routes]]\nname = \"a\"\nmatch = { " + match + " }\nredirect.to = \"" + to + "\"\n"
	}
	const path, cookie = `path = "/a"`, `, cookies = { uid = "~^b" }`
	for _, c := range []struct {
		about, old, next           string
		same, changed, undecidable int64
	}{
		{"another target than the hidden one", route(path, "/to/{cookie.uid}"), route(path, "https://www.example/x"), 0, 1, 0},
		{"a hidden target", route(path, "/x"), route(path, "/to/{cookie.uid}"), 0, 0, 1},
		{"the same target without a condition", route(path+cookie, "/x"), route(path, "/x"), 1, 0, 0},
		{"another target without a condition", route(path+cookie, "/x"), route(path, "/y"), 0, 1, 0},
		{"the same template on the same path", route(`path = "/{p}"`+cookie, "/x/{path.p}"), route(`path = "/{p}"`, "/x/{path.p}"), 1, 0, 0},
		{"the same template of another part of the path", route(`path = "/*"`+cookie, "/x/{rest}"), route(`path = "/a/*"`, "/x/{rest}"), 0, 1, 0},
	} {
		r := start(t, head+web0+c.old)
		r.tell(asked{path: "/a", header: map[string]string{"Cookie": "uid=b"}, status: 308})
		until(t, "a line is written", func() bool { return strings.Count(r.access.String(), "\n") == 1 })
		l := planOf(t, head+web+c.old, head+web+c.next, r.access.String()).Log
		if l.Same != c.same || l.Changed != c.changed || l.Undecidable != c.undecidable {
			t.Errorf("%s: %d same, %d changed, %d undecidable; want %+v", c.about, l.Same, l.Changed, l.Undecidable, c)
		}
	}
}
