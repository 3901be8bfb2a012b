package oidc

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"weir/http7"
)

// jar names the cookies of a policy and knows what browsers do with them. It never changes.
//
// A session has one cookie, or several where it is longer than browsers keep of one (RFC 6265 §6.1): NAME, whose first
// character says how many there are, then NAME_1 and so on. Each of a few logins that are under way at once has NAME_login0
// and so on.
type jar struct {
	chunks [mostChunks]string
	logins [mostLogins]string
	all    *http7.CookieSet
	marks  string // attributes
	secure bool
	texts  sync.Pool // of *[]byte, for sessions of several cookies
}

const (
	mostChunks = 4
	mostLogins = 4
	// chunkSize is what one cookie holds: 4096 bytes less its name and attributes.
	chunkSize = 3800
)

func newJar(name string, secure bool) *jar {
	j := &jar{secure: secure, marks: "; Path=/; HttpOnly; SameSite=Lax"}
	j.texts.New = func() any { return new([]byte) }
	if secure {
		name, j.marks = "__Host-"+name, "; Path=/; Secure; HttpOnly; SameSite=Lax"
	}
	j.chunks[0] = name
	for i := 1; i < mostChunks; i++ {
		j.chunks[i] = name + "_" + strconv.Itoa(i)
	}
	for i := range j.logins {
		j.logins[i] = name + "_login" + strconv.Itoa(i)
	}
	j.all = http7.NewCookieSet(j.names()...)
	return j
}

// names returns the names of all cookies of the policy.
func (j *jar) names() []string { return append(slices.Clone(j.chunks[:]), j.logins[:]...) }

// session returns the sealed text of x's session, nil without one. Of several cookies of one name the first counts. It is
// in the request, or in lent, which is to be given back once it has been read, by [jar.back]. It allocates nothing in steady
// state.
func (j *jar) session(x *http7.Exchange) (text []byte, lent *[]byte) {
	first := j.one(x, j.chunks[0])
	if len(first) < 2 || first[0] < '1' || first[0] > '0'+mostChunks {
		return nil, nil
	}
	n := int(first[0] - '0')
	if n == 1 {
		return first[1:], nil
	}
	lent = j.texts.Get().(*[]byte)
	text = append((*lent)[:0], first[1:]...)
	for _, name := range j.chunks[1:n] {
		chunk := j.one(x, name)
		if len(chunk) == 0 || len(chunk) > chunkSize {
			j.back(lent)
			return nil, nil
		}
		text = append(text, chunk...)
	}
	*lent = text
	return text, lent
}

// back takes what session has lent; nil is nothing.
func (j *jar) back(lent *[]byte) {
	if lent != nil && cap(*lent) <= 2*mostChunks*chunkSize {
		j.texts.Put(lent)
	}
}

func (j *jar) one(x *http7.Exchange, name string) []byte {
	if c := http7.Cookies(&x.Request, name); c.Next() {
		return c.Value()
	}
	return nil
}

var errTooLong = errors.New("the session is longer than cookies hold")

// set returns the values of Set-Cookie that make text the session of x's browser for a time; of a longer session before,
// what is left over goes.
func (j *jar) set(x *http7.Exchange, text string, lasts time.Duration) ([][]byte, error) {
	n := (len(text) + 1 + chunkSize - 1) / chunkSize
	if n > mostChunks {
		return nil, errTooLong
	}
	rest, age := strconv.Itoa(n)+text, "; Max-Age="+strconv.FormatInt(int64(max(lasts, time.Second)/time.Second), 10)
	var lines [][]byte
	for i, name := range j.chunks {
		switch {
		case i < n:
			part := rest[:min(len(rest), chunkSize)]
			rest = rest[len(part):]
			lines = append(lines, []byte(name+"="+part+age+j.marks))
		case j.one(x, name) != nil:
			lines = append(lines, j.end(name))
		}
	}
	return lines, nil
}

// end returns the value of Set-Cookie that ends one cookie.
func (j *jar) end(name string) []byte { return []byte(name + "=; Max-Age=0" + j.marks) }

// endAll returns those that end x's session.
func (j *jar) endAll(x *http7.Exchange) (lines [][]byte) {
	for _, name := range j.chunks {
		if c := http7.Cookies(&x.Request, name); c.Next() {
			lines = append(lines, j.end(name))
		}
	}
	return lines
}

// own reports whether a cookie of that name is one of ours.
func (j *jar) own(name []byte) bool { return j.all.Has(name) }

var setCookie = http7.Known(http7.SetCookie)

// strip takes our cookies out of what goes to the endpoint. It allocates nothing in steady state.
func (j *jar) strip(x *http7.Exchange) { j.all.Strip(x) }
