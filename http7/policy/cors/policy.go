// Package cors is the policy that tells browsers which scripts of other sites may ask and read, by
// the CORS protocol of the Fetch standard (https://fetch.spec.whatwg.org/#http-cors-protocol).
//
// gateway compiles it; the hall asks it about preflights right after the guards, and runs it over every
// answer. It speaks for the endpoint: the endpoint's own Access-Control fields are replaced.
package cors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// policy is the compiled form of a Config. It never changes.
type policy struct {
	origins origins
	// all says that every origin is allowed: everybody is told the same.
	all         bool
	credentials bool
	// The values of fields; nil leaves the field out.
	expose, methods, headers, maxAge []byte
	// With credentials "*" has no meaning to browsers: what is asked for is what is allowed.
	echoMethod, echoHeaders bool
	privateNetwork          bool
}

// Compile returns the step of c for the bundle name, at stage present, none if it is off. It refuses
// what Check reports, should that come here unchecked.
func Compile(c *Config, name string) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	name += ".cors"
	p, err := compile(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := http7.Step{Name: name, Stage: http7.Present, Reads: []string{readsOrigin, readsMethod}}
	if c.Mode == conf.Observe {
		s.Mode = http7.Observe
		s.Preflight = &preflightObserver{p, remarks{name + ":would answer the preflight", name + ":would refuse the preflight"}}
		s.Request = &requestObserver{p, remarks{name + ":would allow the origin", name + ":would not allow the origin"}}
	} else {
		s.Preflight, s.Request, s.Response = answerer{p}, keeper{p}, teller{p}
	}
	return []http7.Step{s}, nil
}

// What the verdict over a preflight depends on.
const (
	readsOrigin = "header:origin"
	readsMethod = "header:access-control-request-method"
)

func compile(c *Config) (*policy, error) {
	problems := conf.NewProblems()
	if c.Check(problems); problems.Failed() {
		i := slices.IndexFunc(problems.List(), func(p conf.Problem) bool { return !p.Warning })
		return nil, fmt.Errorf("%s: %s", problems.List()[i].Path, problems.List()[i].Text)
	}
	set, err := newOrigins(c.Origins)
	if err != nil {
		return nil, err
	}
	p := &policy{
		origins: set, all: slices.Contains(c.Origins, anything), credentials: c.Credentials, privateNetwork: c.PrivateNetwork,
		maxAge: strconv.AppendInt(nil, int64(c.MaxAge.Value()/time.Second), 10),
	}
	p.methods, p.echoMethod = list(c.Methods, c.Credentials)
	p.headers, p.echoHeaders = list(c.Headers, c.Credentials)
	p.expose, _ = list(c.Expose, false)
	if string(p.headers) == anything {
		p.headers = []byte("*, Authorization") // which "*" does not stand for
	}
	return p, nil
}

// list returns the value of a field that lists names, nil for none. "*" stands alone; where it has no
// meaning, because credentials are sent, echo is true instead.
func list(names []string, credentials bool) (value []byte, echo bool) {
	switch {
	case len(names) == 0:
		return nil, false
	case !slices.Contains(names, anything):
		return []byte(strings.Join(names, ", ")), false
	case credentials:
		return nil, true
	}
	return []byte(anything), false
}
