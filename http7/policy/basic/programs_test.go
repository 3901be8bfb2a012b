package basic

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/internal/testkit"
)

func TestHashesThatOpensslMakesAreVerified(t *testing.T) {
	openssl := testkit.Require(t, "openssl")
	for _, password := range []string{"secret", "a b:c", "pässwörd", strings.Repeat("long ", 20)} {
		for _, kind := range []string{"-5", "-6"} {
			out, err := exec.CommandContext(t.Context(), openssl, "passwd", kind, password).Output()
			if err != nil {
				t.Fatal(err)
			}
			users, err := parse([]byte("ann:"+string(out)), nil)
			if err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			if d := users["ann"].digest; !d.Match(password) || d.Match(password+" ") || d.Match("") {
				t.Errorf("%s %q: the password is not told from others", kind, password)
			}
		}
	}
}

// A file that changes under load admits at each moment by what it was or what it is, and by nothing else.
func TestUsersChangeUnderLoad(t *testing.T) {
	needs, c := policytest.Needs(t), configured(t, "", nil)
	states := []string{"bcrypt:" + sha256Line() + "\n", usersFile}
	policytest.Write(t, c.UsersFile, states[1])
	steps, err := Compile(c, "edge", needs)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				for password, may := range map[string]bool{"pw": true, "secret-5": true, fmt.Sprint("guess", i, n%3): false} {
					x := asked(credential("bcrypt", password))
					x.Arrival = time.Now()
					if v := policytest.Pass(x, steps[:1]); v.Act == http7.Go && (!may || x.Consumer != "bcrypt") {
						t.Errorf("%s lets in %q", password, x.Consumer)
					}
				}
			}
		})
	}
	a := steps[0].Request.(*policyOf).accounts
	for n := range 20 {
		policytest.Write(t, c.UsersFile, states[n%2])
		if err := a.load(); err != nil {
			t.Error(err)
		}
		for i, password := range []string{"secret-5", "pw"} {
			x := asked(credential("bcrypt", password))
			x.Arrival = time.Now()
			if v := policytest.Pass(x, steps[:1]); (v.Act == http7.Go) != (i == n%2) {
				t.Errorf("state %d, %s: %s", n%2, password, policytest.Who(x, v))
			}
		}
	}
	close(stop)
	all.Wait()
}

func TestAFileThatHtpasswdWritesIsRead(t *testing.T) {
	htpasswd := testkit.Require(t, "htpasswd")
	path := filepath.Join(t.TempDir(), "users")
	for _, user := range [][]string{{"-cbB", "ann", "secret"}, {"-bB", "bob", "pässwörd"}, {"-b5", "cid", "a b:c"}, {"-b2", "dee", "two"}} {
		out, err := exec.CommandContext(t.Context(), htpasswd, user[0], path, user[1], user[2]).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	users, err := parse(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	for user, password := range map[string]string{"ann": "secret", "bob": "pässwörd", "cid": "a b:c", "dee": "two"} {
		if d := users[user].digest; !d.Match(password) || d.Match("secret?") {
			t.Errorf("%s: the password is not told from others", user)
		}
	}
}
