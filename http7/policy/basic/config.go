package basic

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// Config finds out who sends a request by a user name and a password (RFC 7617). A request without them goes on as
// nobody; one with others than those in the file is refused with 401. The user's name is the consumer.
type Config struct {
	// Mode is "enforce", "observe" (find out who it is, refuse and change nothing) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// UsersFile has a line "user:hash" for each user, as htpasswd -B writes them. Hashes are of bcrypt ("$2y$"),
	// argon2 ("$argon2id$") or SHA-crypt ("$5$", "$6$"); older ones are refused. A change is taken within two
	// seconds, and only if the whole file is good. Required.
	UsersFile string `toml:"users_file"`
	// Groups are those that users are in, for authorise: { ops = ["ann", "bob"] }. Default: none.
	Groups map[string][]string `toml:"groups"`
	// Realm is what browsers show when they ask for the password. Default: the name of the bundle.
	Realm string `toml:"realm"`
	// Cache is how long a password that was right is taken again without work; one that is changed in the file is
	// asked for at once. "off" works for every request, which is tens of milliseconds of a CPU each. Default: 10m.
	Cache conf.Duration `toml:"cache"`
	// Parallel is how many passwords are worked on at once: more of them wait, so that guessing takes no more than
	// that many CPUs. Default: half of the CPUs, and at least one.
	Parallel conf.Limit `toml:"parallel"`
	// Timeout is how long a request waits for its turn; then 503. Default: 5s.
	Timeout conf.Duration `toml:"timeout"`
	// Pass lets the endpoint see name and password. Default: false, they are taken out of what is sent on.
	Pass bool `toml:"pass"`
	// Forward tells the endpoint who it is: fields, each with "consumer" or "groups". What clients say in these fields
	// is removed. Default: none.
	Forward map[string]string `toml:"forward"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{Cache: conf.Dur(10 * time.Minute), Timeout: conf.Dur(5 * time.Second)}
}

const mostParallel = 1024

// Check notes what is wrong with c, its file included.
func (c *Config) Check(p *conf.Problems) {
	c.shape(p)
	if c.UsersFile == "" {
		return
	}
	text, err := p.ReadFile(c.UsersFile)
	if err != nil {
		p.Add("users_file", strconv.Quote(c.UsersFile)+" can't be read: "+conf.FileTrouble(err), "the user that runs Weir must be able to read this file")
		return
	}
	users, err := parse(text, nil)
	if err != nil {
		p.Add("users_file", c.UsersFile+": "+err.Error(), "")
		return
	}
	c.checkUsers(p, users)
}

// shape checks all but the file.
func (c *Config) shape(p *conf.Problems) {
	p.Positive("cache", c.Cache)
	p.Positive("timeout", c.Timeout)
	if c.Timeout.IsOff() {
		p.Add("timeout", "requests may not wait for ever", `write a time, such as "5s"`)
	}
	if c.Parallel.IsOff() {
		p.Add("parallel", "there must be a limit", "write a number from 1 to "+strconv.Itoa(mostParallel))
	} else {
		p.Between("parallel", c.Parallel.Value(), 0, mostParallel)
	}
	if strings.ContainsFunc(c.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		p.Add("realm", strconv.Quote(c.Realm)+" can't stand in a header", "write printable ASCII without quotes and backslashes")
	}
	for _, group := range slices.Sorted(maps.Keys(c.Groups)) {
		if !word(group) {
			p.In("groups").AddKey(group, strconv.Quote(group)+" can't be told in a list", "write a name without blanks, commas and control characters")
		}
	}
	c.checkForward(p)
	if c.UsersFile == "" {
		p.Add("users_file", "there is no file of users", "name one; htpasswd -B -c FILE USER writes one")
	}
}

// checkUsers warns of members of groups who are not in the file.
func (c *Config) checkUsers(p *conf.Problems, users map[string]*account) {
	for _, group := range slices.Sorted(maps.Keys(c.Groups)) {
		for i, user := range c.Groups[group] {
			if users[user] == nil {
				p.In("groups").Index(group, i).Warn("", strconv.Quote(user)+" is not in "+c.UsersFile, "")
			}
		}
	}
}

func (c *Config) checkForward(p *conf.Problems) {
	p = p.In("forward")
	for _, field := range slices.Sorted(maps.Keys(c.Forward)) {
		name, ok := http7.NewName(field)
		switch {
		case !ok:
			p.AddKey(field, strconv.Quote(field)+" is not a field name", "a name has letters, digits and hyphens")
		case name.ID() != http7.Unlisted:
			p.AddKey(field, strconv.Quote(field)+" has another meaning", `write a field of your own, such as "X-User"`)
		}
		p.OneOf(field, c.Forward[field], "told of a user", "consumer", "groups")
	}
}

// word reports whether s can be told in a list with commas.
func word(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == ',' || r == 0x7f })
}
