package basic

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

func TestAPasswordIsWorkedOnOnce(t *testing.T) {
	var worked []string
	steps := standing(t, stored(func(p string) { worked = append(worked, p) }, "ann", "bob"), nil)
	for _, c := range []struct {
		after          time.Duration
		user, password string
		want           string
		works          int // so far
	}{
		{0, "ann", "nna", "basic ann", 1},
		{time.Second, "ann", "nna", "basic ann", 1},
		{time.Second, "bob", "bob", "basic bob", 2},
		{2 * time.Second, "ann", "x", "401", 3},
		{2 * time.Second, "ann", "x", "401", 3},
		{2 * time.Second, "ann", "nna", "basic ann", 3},
		{2 * time.Second, "annn", "na", "401", 4}, // not ann with nna
		{11 * time.Minute, "ann", "nna", "basic ann", 5},
		{11 * time.Minute, "ann", "x", "401", 6},
	} {
		x := asked(credential(c.user, c.password))
		x.Arrival = time.Now().Add(c.after)
		if got := policytest.Who(x, policytest.Pass(x, steps)); !strings.HasPrefix(got, c.want) || len(worked) != c.works {
			t.Errorf("after %v, %s with %s: %s, worked on %q; want %s, %d", c.after, c.user, c.password, got, worked, c.want, c.works)
		}
	}
}

func TestWithoutACacheEveryPasswordIsWorkedOn(t *testing.T) {
	worked := 0
	steps := standing(t, stored(func(string) { worked++ }, "ann"), func(c *Config) { c.Cache = conf.OffDuration })
	for range 3 {
		if x := asked(credential("ann", "nna")); policytest.Who(x, policytest.Pass(x, steps)) != "basic ann" {
			t.Error("refused")
		}
	}
	if worked != 3 {
		t.Errorf("worked %d times", worked)
	}
}

func TestAnUnknownUserCostsAsMuchWork(t *testing.T) {
	// Whether there is such a user must not be told by the time that a refusal takes.
	worked := 0
	steps := standing(t, stored(func(string) { worked++ }, "ann", "bob"), nil)
	for i, user := range []string{"ann", "zoe", "bob", "nobody", "a", "root"} {
		x := asked(credential(user, "wrong"))
		if got := policytest.Who(x, policytest.Pass(x, steps)); !strings.HasPrefix(got, "401 basic_invalid") || worked != i+1 {
			t.Errorf("%s: %s, worked %d times, want %d", user, got, worked, i+1)
		}
	}
}

func TestAnUnknownUserStandsForTheSameOneEachTime(t *testing.T) {
	// With hashes of different costs, a name that costs now this and now that would be one that is not there.
	costs := map[string]int{}
	u := stored(nil, "cheap", "dear")
	for name, a := range u.named {
		a.digest = &plain{password: "x", works: func(string) { costs[name]++ }}
	}
	a := standing(t, u, nil)[0].Request.(*policyOf).accounts
	for i := range 20 {
		if _, err := a.work(u, &mark{byte(i)}, "zoe", "guess", 0); err != errNobody {
			t.Fatal(err)
		}
	}
	if len(costs) != 1 {
		t.Errorf("one name stood for %v", costs)
	}
	for i := range 64 {
		_, _ = a.work(u, &mark{byte(i)}, fmt.Sprint("name", i), "guess", 0)
	}
	if len(costs) != 2 {
		t.Errorf("all names stood for %v", costs)
	}
}

func TestThePasswordOfOneWhoStandsInOpensNothing(t *testing.T) {
	steps := standing(t, stored(nil, "ann"), nil) // who is the only one to stand in
	for _, user := range []string{"zoe", "bob"} {
		x := asked(credential(user, "nna"))
		if got := policytest.Who(x, policytest.Pass(x, steps)); got != "401 basic_invalid: there is no such user" {
			t.Errorf("%s: %s", user, got)
		}
	}
}

func TestAChangedPasswordIsNotRemembered(t *testing.T) {
	steps := standing(t, stored(nil, "ann", "bob"), nil)
	a := steps[0].Request.(*policyOf).accounts
	ask := func(user, password string) string {
		x := asked(credential(user, password))
		return strings.SplitN(policytest.Who(x, policytest.Pass(x, steps)), ":", 2)[0]
	}
	if got := ask("ann", "nna") + ", " + ask("ann", "new") + ", " + ask("bob", "bob"); got != "basic ann, 401 basic_invalid, basic bob" {
		t.Fatal(got)
	}
	next := stored(nil, "ann", "bob")
	next.named["ann"].digest = &plain{password: "new"}
	next.named["bob"] = a.now.Load().named["bob"] // whose line has stayed
	a.now.Store(next)
	if got := ask("ann", "nna") + ", " + ask("ann", "new") + ", " + ask("bob", "bob"); got != "401 basic_invalid, basic ann, basic bob" {
		t.Error(got)
	}
}

func TestOnePasswordAskedForByManyAtOnceIsWorkedOnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn, worked := make(chan struct{}), 0
		steps := standing(t, stored(func(string) { worked++; <-goOn }, "ann"), nil)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				x := asked(credential("ann", "nna"))
				if got := policytest.Who(x, policytest.Pass(x, steps)); got != "basic ann" {
					t.Error(got)
				}
			})
		}
		synctest.Wait()
		close(goOn)
		all.Wait()
		if worked != 1 {
			t.Errorf("worked %d times", worked)
		}
	})
}

// Who waited for another's work was told what held before the file changed: a new password was refused.
func TestWhoWaitsForAnothersWorkIsToldByTheUsersOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		steps := standing(t, stored(func(string) { <-goOn }, "ann"), func(c *Config) { c.Parallel = conf.AtMost(2) })
		a := steps[0].Request.(*policyOf).accounts
		next := stored(nil, "ann")
		next.named["ann"].digest = &plain{password: "new"}
		verdicts := make(chan string, 2)
		ask := func() {
			x := asked(credential("ann", "new"))
			verdicts <- strings.SplitN(policytest.Who(x, policytest.Pass(x, steps)), ":", 2)[0]
		}
		go ask()
		synctest.Wait()
		a.now.Store(next)
		go ask()
		synctest.Wait()
		close(goOn)
		synctest.Wait()
		if got := []string{<-verdicts, <-verdicts}; !slices.Contains(got, "basic ann") || !slices.Contains(got, "401 basic_invalid") {
			t.Errorf("got %q", got)
		}
	})
}

func TestOnlySoManyAreWorkedOnAtOnceAndTheRestWaitNoLongerThanTheyMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		var now, most atomic.Int64
		works := func(string) {
			most.Store(max(most.Load(), now.Add(1)))
			<-goOn
			now.Add(-1)
		}
		steps := standing(t, stored(works, "ann"), func(c *Config) { c.Parallel = conf.AtMost(2) })
		p := steps[0].Request.(*policyOf)
		start := time.Now()
		var all sync.WaitGroup
		var busy, wrong atomic.Int64
		for i := range 10 {
			all.Go(func() {
				x := asked(credential("ann", fmt.Sprint("guess", i)))
				x.Arrival = start
				switch v := policytest.Pass(x, steps); v.Fault {
				case p.busy:
					if busy.Add(1); time.Since(start) != 5*time.Second {
						t.Errorf("busy after %v", time.Since(start))
					}
				case p.wrong:
					wrong.Add(1)
				}
			})
		}
		synctest.Wait()
		time.AfterFunc(6*time.Second, func() { close(goOn) })
		all.Wait()
		if most.Load() != 2 || busy.Load() != 8 || wrong.Load() != 2 || p.busied.Load() != 8 || p.worked.Load() != 10 {
			t.Errorf("%d at once, %d busy, %d wrong; counted %d busy of %d", most.Load(), busy.Load(), wrong.Load(), p.busied.Load(), p.worked.Load())
		}
	})
}

func TestWhoeverLeavesWaitsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		steps := standing(t, stored(func(string) { <-goOn }, "ann"), func(c *Config) { c.Parallel = conf.AtMost(1) })
		ctx, leave := context.WithCancel(t.Context())
		verdict := make(chan string)
		go func() {
			x := asked(credential("ann", "nna"))
			verdict <- policytest.Who(x, policytest.Pass(x, steps))
		}()
		synctest.Wait()
		for _, password := range []string{"nna", "other"} { // one that is being worked on, one that waits for its turn
			go func() {
				x := asked(credential("ann", password))
				blocking(x, ctx)
				verdict <- policytest.Who(x, policytest.Pass(x, steps))
			}()
		}
		synctest.Wait()
		go func() { // who stays gets the turn of one who left with the same password
			x := asked(credential("ann", "other"))
			if got := policytest.Who(x, policytest.Pass(x, steps)); got != `401 basic_invalid: the password is not that of "ann"` {
				t.Error(got)
			}
			verdict <- ""
		}()
		synctest.Wait()
		leave()
		for range 2 {
			if got := <-verdict; got != "503 basic_busy: too many passwords are worked on" {
				t.Error(got)
			}
		}
		close(goOn)
		for range 2 {
			if got := <-verdict; got != "basic ann" && got != "" {
				t.Error(got)
			}
		}
	})
}

func TestMarksAreTheHMACOfBothWithTheirBorder(t *testing.T) {
	key := make([]byte, 32)
	s := &marker{mac: hmac.New(sha256.New, key)}
	seen := map[mark]string{}
	for _, c := range [][2]string{{"ann", "nna"}, {"annn", "na"}, {"an", "nnna"}, {"", "annnna"}, {"ann", ""}} {
		var m mark
		s.mark(&m, []byte(c[0]), []byte(c[1]))
		h := hmac.New(sha256.New, key)
		_, _ = h.Write(slices.Concat([]byte{byte(len(c[0])), 0}, []byte(c[0]+c[1])))
		if want := mark(h.Sum(nil)); m != want {
			t.Errorf("%q: not the HMAC", c)
		}
		if other, twice := seen[m]; twice {
			t.Errorf("%q and %q have one mark", c, other)
		}
		seen[m] = c[0]
	}
}

func BenchmarkAdmitted(b *testing.B) {
	p := standing(b, stored(nil, "ann"), nil)[0].Request
	x := asked(credential("ann", "nna"))
	b.ReportAllocs()
	for b.Loop() {
		if p.Request(x).Act != http7.Go {
			b.Fatal("refused")
		}
	}
}

// FuzzCredentials: whatever stands in Authorization, it is judged, and only what is right is anybody's.
func FuzzCredentials(f *testing.F) {
	for _, s := range []string{credential("ann", "nna"), "Basic ", "basic YQ==", "Basic " + strings.Repeat("A", 2000), "Bearer a", "Basic\t YTpi"} {
		f.Add(s)
	}
	steps := standing(f, stored(nil, "ann"), nil)
	f.Fuzz(func(t *testing.T, field string) {
		x := asked(field)
		v := policytest.Pass(x, steps)
		right := len(field) > 6 && strings.EqualFold(field[:5], "basic") && strings.TrimLeft(field[5:], " \t") == credential("ann", "nna")[6:]
		if x.Identified() != right || v.Act == http7.Go && !right && http7.EqualFold(field[:min(6, len(field))], "Basic ") {
			t.Fatalf("%q: %s", field, policytest.Who(x, v))
		}
	})
}
