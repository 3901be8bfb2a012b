package basic

import (
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-crypt/crypt/algorithm"

	"weir/http7"
	"weir/http7/policy/policytest"
)

// usersFile has a user for each hash that is taken: made by libxcrypt, by the reference implementation of argon2 (its
// test.c) and by openssl passwd.
const usersFile = `# people

bcrypt:$2y$04$abcdefghijklmnopqrstuuyvPXIbu7xe6/CED2DzX8z6Si09MlzlW
argon2id:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4
argon2i:$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA
sha256:$5$abcdefgh$.xGPgjRtLPofjU7pJZleagjqc4/ZZO6zARVMZnRfr.9
sha512:$6$rounds=1000$abcdefgh$zmiWCqZO56sRjD2xdWz5EGBrHbSnLSwPvhkaSHC77fMtBKY1A3oavqPACCQAM0oYaEGkuz4yO/9KLh0R/N7z./
`

// plain is how a test may have a password stored. Its work is a comparison, and calls.
type plain struct {
	algorithm.Digest
	password string
	works    func(password string)
}

func (p *plain) Match(password string) bool {
	if p.works != nil {
		p.works(password)
	}
	return password == p.password
}

// stored are accounts whose passwords are their names backwards; works is called with each password that is worked on.
func stored(works func(string), names ...string) *users {
	u := &users{named: map[string]*account{}}
	for _, n := range names {
		a := &account{name: n, hash: n, digest: &plain{password: backwards(n), works: works}, wrong: fmt.Errorf("the password is not that of %q", n)}
		u.named[n] = a
		u.all = append(u.all, a)
	}
	return u
}

func backwards(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

var noon = time.Now()

// configured is a right config with a file of users, changed.
func configured(t testing.TB, text string, change func(*Config)) *Config {
	t.Helper()
	c := Default()
	c.UsersFile = filepath.Join(t.TempDir(), "users")
	policytest.Write(t, c.UsersFile, text)
	if change != nil {
		change(&c)
	}
	return &c
}

// standing are the steps of a config whose file nobody reads: the users are those given.
func standing(t testing.TB, u *users, change func(*Config)) []http7.Step {
	t.Helper()
	c := Default()
	c.UsersFile = "/nowhere"
	if change != nil {
		change(&c)
	}
	steps, err := Compile(&c, "edge", nil)
	if err != nil {
		t.Fatal(err)
	}
	steps[0].Request.(*policyOf).accounts.now.Store(u)
	return steps
}

// credential is the field for a user and a password.
func credential(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// asked is an exchange with these Authorization fields.
func asked(fields ...string) *http7.Exchange {
	x := &http7.Exchange{Arrival: noon}
	for _, f := range fields {
		x.Request.AddRaw([]byte("Authorization"), []byte(f))
	}
	return x
}

// blocking makes x's blocks those of ctx.
func blocking(x *http7.Exchange, ctx context.Context) {
	x.Blocking = func(most time.Duration) (context.Context, func()) {
		return context.WithTimeout(ctx, most)
	}
}
