package basic

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"

	"weir/http7"
)

// account is one user of a file. It never changes, and stays the same over readings of the file that leave its line as
// it is.
type account struct {
	name   string
	hash   string
	digest algorithm.Digest
	wrong  error // for the log
}

const (
	mostName     = 255
	mostPassword = 1024
)

// parse reads a file of users. Accounts that are in before with the same hash are taken from there. Errors name the
// line, and nothing of what stands behind the user's name.
func parse(text []byte, before map[string]*account) (map[string]*account, error) {
	users := map[string]*account{}
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		a, err := parseLine(line, before)
		if err == nil && users[a.name] != nil {
			err = errors.New("the user is there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		users[a.name] = a
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, errors.New("there is no user in it")
	}
	return users, nil
}

func parseLine(line string, before map[string]*account) (*account, error) {
	name, hash, ok := strings.Cut(line, ":")
	switch {
	case !ok || name == "" || hash == "":
		return nil, errors.New(`it is not "user:hash"`)
	case len(name) > mostName || !http7.IsFieldValue([]byte(name)):
		return nil, errors.New("the name can't stand in a header or a log, or has more than " + strconv.Itoa(mostName) + " bytes")
	}
	if a := before[name]; a != nil && a.hash == hash {
		return a, nil
	}
	digest, err := decode(hash)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return &account{name: name, hash: hash, digest: digest, wrong: fmt.Errorf("the password is not that of %q", name)}, nil
}

// weak are hashes that htpasswd still writes, and that a graphics card undoes in hours.
var weak = []struct{ prefix, what string }{
	{"$apr1$", "MD5"}, {"$1$", "MD5"}, {"{SHA}", "SHA-1 without a salt"}, {"{SSHA}", "SHA-1"},
}

// bounds are how much work a hash may ask for: each password that is guessed costs it.
var bounds = []struct {
	asks *regexp.Regexp
	most uint64
}{
	{regexp.MustCompile(`^\$2[abxy]?\$(\d+)\$`), 16},            // some seconds
	{regexp.MustCompile(`^\$argon2.*[$,]m=(\d+)`), 1 << 20},     // KiB
	{regexp.MustCompile(`^\$argon2.*[$,]t=(\d+)`), 100},         // passes
	{regexp.MustCompile(`^\$argon2.*[$,]p=(\d+)`), 64},          // lanes
	{regexp.MustCompile(`^\$[56]\$rounds=(\d+)\$`), 10_000_000}, // some seconds
}

func decode(hash string) (algorithm.Digest, error) {
	for _, w := range weak {
		if strings.HasPrefix(hash, w.prefix) {
			return nil, errors.New("hashes of " + w.what + " are not taken: write a new one with htpasswd -B")
		}
	}
	for _, b := range bounds {
		if m := b.asks.FindStringSubmatch(hash); m != nil {
			if n, err := strconv.ParseUint(m[1], 10, 64); err != nil || n > b.most {
				return nil, errors.New("the hash asks for more work than any password is worth")
			}
		}
	}
	for _, k := range kinds {
		if !strings.HasPrefix(hash, k.prefix) {
			continue
		}
		if digest, err := k.decode(hash); err == nil {
			return digest, nil
		}
		break // the error's text may hold parts of the hash
	}
	return nil, errors.New("the hash is not one of bcrypt, argon2 or SHA-crypt: write a new one with htpasswd -B")
}

// kinds are the hashes that are taken.
var kinds = []struct {
	prefix string
	decode func(string) (algorithm.Digest, error)
}{
	{"$2", bcrypt.DecodeVariant(bcrypt.VariantStandard)}, {"$argon2", argon2.Decode}, {"$5$", shacrypt.Decode}, {"$6$", shacrypt.Decode},
}
