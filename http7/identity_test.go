package http7

import (
	"slices"
	"strings"
	"testing"
)

// says is a policy of stage identify that says one thing.
type says struct {
	id    Identity
	bad   *Fault
	asked int
}

func (p *says) Request(x *Exchange) Verdict {
	p.asked++
	if p.bad != nil {
		return Refuse(p.bad)
	}
	if p.id.Scheme != "" {
		x.Establish(p.id)
	}
	return Continue
}

func TestTheWaysOfABundleDecideTogether(t *testing.T) {
	t.Parallel()
	const absent, key, jwt, bad = "", "api_key", "jwt", "bad"
	for _, c := range []struct {
		require Requirement
		say     string // what each of two policies finds
		want    string // the fault, or the schemes that were established
		asked   string // how often each was asked
	}{
		{RequireAny, absent + "," + absent, "absent", "1,1"},
		{RequireAny, key + "," + absent, "api_key", "1,0"},
		{RequireAny, absent + "," + jwt, "jwt", "1,1"},
		{RequireAny, key + "," + jwt, "api_key", "1,0"},
		{RequireAny, key + "," + bad, "api_key", "1,0"},
		{RequireAny, bad + "," + jwt, "bad", "1,0"},
		{RequireAny, absent + "," + bad, "bad", "1,1"},
		{RequireAll, key + "," + jwt, "api_key jwt", "1,1"},
		{RequireAll, key + "," + absent, "absent", "1,1"},
		{RequireAll, absent + "," + jwt, "absent", "1,1"},
		{RequireAll, key + "," + bad, "bad", "1,1"},
		{RequireNone, absent + "," + absent, "", "1,1"},
		{RequireNone, absent + "," + jwt, "jwt", "1,1"},
		{RequireNone, absent + "," + bad, "bad", "1,1"},
	} {
		w := &Ways{Require: c.require, Absent: &Fault{Name: "absent", Status: 401}}
		var policies []*says
		var steps []Policy
		for say := range strings.SplitSeq(c.say, ",") {
			p := &says{id: Identity{Scheme: say, Groups: []string{say}}}
			if say == bad {
				p.bad = &Fault{Name: "bad"}
			}
			policies, steps = append(policies, p), append(steps, w.Wrap(p))
		}
		if last := w.Required(); last != nil {
			steps = append(steps, last)
		}
		x := &Exchange{}
		got := run(x, steps)
		if got == "" {
			got = strings.Join(x.Groups, " ")
		}
		asked := strings.Join([]string{string(rune('0' + policies[0].asked)), string(rune('0' + policies[1].asked))}, ",")
		if got != c.want || asked != c.asked {
			t.Errorf("%d of %q: %q, asked %s; want %q, %s", c.require, c.say, got, asked, c.want, c.asked)
		}
	}
}

// TestOneWayThatIsTakenTwiceIsOne: a bundle may meet a request on its listener and on its route.
func TestOneWayThatIsTakenTwiceIsOne(t *testing.T) {
	t.Parallel()
	w := &Ways{Require: RequireAll, Absent: &Fault{Name: "absent"}}
	key := w.Wrap(&says{id: Identity{Scheme: "api_key"}})
	jwt := &says{}
	token := w.Wrap(jwt)
	x := &Exchange{}
	if got := run(x, []Policy{key, token, key, token, w.Required()}); got != "absent" {
		t.Errorf("a key that is read twice, and no token: %q", got)
	}
	jwt.id.Scheme = "jwt"
	if got := run(x, []Policy{token, w.Required()}); got != "" {
		t.Errorf("with the token: %q", got)
	}
}

// run returns the name of the fault that one of the steps refuses with, "" for none.
func run(x *Exchange, steps []Policy) string {
	for _, s := range steps {
		if v := s.Request(x); v.Fault != nil {
			return v.Fault.Name
		}
	}
	return ""
}

// An identity that the listener's policies have established is none that a route's bundle asks for.
func TestWhatOneBundleEstablishesDoesNotMeetAnother(t *testing.T) {
	t.Parallel()
	listener, route := &Ways{Require: RequireNone}, &Ways{Absent: &Fault{Name: "absent"}}
	x := &Exchange{}
	steps := []Policy{
		listener.Wrap(&says{id: Identity{Scheme: "jwt", Consumer: "ada", Scopes: []string{"read"}}}),
		route.Wrap(&says{}), route.Required(),
	}
	if got := run(x, steps); got != "absent" {
		t.Errorf("refused with %q", got)
	}
	if !x.Identified() || x.Scheme != "jwt" || x.Consumer != "ada" || !slices.Equal(x.Scopes, []string{"read"}) {
		t.Errorf("%q, %q, %q", x.Scheme, x.Consumer, x.Scopes)
	}
	x.Release()
	if x.Identified() || x.Scheme != "" || x.Consumer != "" || len(x.Scopes) != 0 || x.taken(listener) != 0 {
		t.Error("an identity outlives its exchange")
	}
}

func TestABundleThatNeedsNobodyHasNothingToRequire(t *testing.T) {
	t.Parallel()
	if p := new(Ways).Required(); p != nil {
		t.Error("no policy establishes an identity, and one is required")
	}
	w := &Ways{Require: RequireNone}
	if w.Wrap(&says{}); w.Required() != nil {
		t.Error("none is required, and one is")
	}
}

func TestIdentitiesAllocateNothing(t *testing.T) {
	w := &Ways{Absent: &Fault{}}
	id := Identity{Scheme: "jwt", Consumer: "ada", Groups: []string{"a", "b"}, Scopes: []string{"read"}}
	first, last := w.Wrap(&says{id: id}), w.Required()
	x := &Exchange{}
	if n := testing.AllocsPerRun(1000, func() {
		if first.Request(x) != Continue || last.Request(x) != Continue {
			t.Fatal("refused")
		}
		x.Release()
	}); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}

func TestNobodySaysWhoHeIsInAFieldOfWeirs(t *testing.T) {
	t.Parallel()
	if NewIdentityFields(nil) != nil || NewIdentityFields([]string{"no name"}) != nil {
		t.Error("no fields are fields")
	}
	f := NewIdentityFields([]string{"X-User", "x-user", "X-Groups"})
	if len(f.names) != 2 {
		t.Errorf("%d names", len(f.names))
	}
	x := &Exchange{}
	for _, h := range []*Header{&x.Request, &x.Trailer} {
		for _, line := range []string{"X-User: root", "x-uSER: root", "X-Groups: all", "X-Userx: stays", "Accept: */*"} {
			name, value, _ := strings.Cut(line, ": ")
			h.AddRaw([]byte(name), []byte(value))
		}
	}
	f.Strip(&x.Request)
	f.Strip(&x.Trailer)
	const want = "X-Userx: stays\r\nAccept: */*\r\n"
	if got := string(x.Request.AppendLines(nil, 0)); got != want {
		t.Errorf("request: %q", got)
	}
	if got := string(x.Trailer.AppendLines(nil, 0)); got != want {
		t.Errorf("trailer: %q", got)
	}
}

func TestAProblemSaysMoreOfOneRequestThanItsFault(t *testing.T) {
	t.Parallel()
	f := &Fault{Name: "invalid", Status: 422, Title: "Unprocessable Content", Detail: "The body is not valid.", GRPC: 3}
	x := &Exchange{}
	x.Problem = Problem{Detail: []byte(`"age" is no number`), Members: []byte(`"errors":[{"pointer":"/age"}]`)}
	FaultAnswer(x, f)
	got, _, _ := x.Answer.Source.Next()
	want := `{"title":"Unprocessable Content","status":422,"detail":"\"age\" is no number","fault":"invalid","errors":[{"pointer":"/age"}]}` + "\n"
	if string(got) != want || x.Answer.Length != int64(len(want)) {
		t.Errorf("got %s, length %d", got, x.Answer.Length)
	}
	x.Request.AddRaw([]byte("Content-Type"), []byte("application/grpc"))
	FaultAnswer(x, f)
	if said, _ := x.Answer.Header.First(grpcMessage); string(said) != `"age" is no number` {
		t.Errorf("grpc-message %q", said)
	}
	x.Release()
	FaultAnswer(x, f)
	if got, _, _ := x.Answer.Source.Next(); strings.Contains(string(got), "age") {
		t.Errorf("another request is told %s", got)
	}
}
