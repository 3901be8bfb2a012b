package match

import (
	"strings"

	"weir/http7"
	"weir/http7/match/content"
)

// masked stands for a value that may be a secret.
const masked = "(masked)"

// secret reports whether what a condition is on holds a secret by its name. Other values are shown, those of
// cookies too: whoever asks why a cookie does not fit has sent it himself, and wants to see both.
func secret(c *http7.Condition) bool { return http7.SecretName(c.Name) }

// saw tells what the request has where the condition looks, all values with commas between.
func (q *query) saw(c *condition) string {
	var list []string
	for _, v := range q.values(c) {
		if secret(c.is) {
			v = []byte(masked)
		}
		list = append(list, short(v))
	}
	return strings.Join(list, ", ")
}

func (q *query) values(c *condition) (list [][]byte) {
	x := q.x
	switch c.is.On {
	case http7.OnClient:
		list = append(list, []byte(x.Client.String()))
	case http7.OnCountry:
		list = append(list, []byte(x.Country))
	case http7.OnSNI:
		if x.Conn != nil {
			list = append(list, []byte(x.Conn.SNI))
		}
	case http7.OnHeader:
		for v := range x.Request.Each(c.header) {
			list = append(list, v)
		}
	case http7.OnCookie:
		for cookie := http7.Cookies(&x.Request, c.is.Name); cookie.Next(); {
			list = append(list, cookie.Value())
		}
	case http7.OnClaim:
		for i := range x.Claims {
			if x.Claims[i].Name == c.is.Name {
				list = append(list, x.Claims[i].Value)
			}
		}
	case http7.OnQuery:
		for p := http7.Parameters(x.Query, c.is.Name); p.Next(); {
			list = append(list, p.Append(nil))
		}
	case http7.OnContent:
		list = q.contentValues(c)
	}
	return list
}

func (q *query) contentValues(c *condition) (list [][]byte) {
	if content.KindOf(&q.x.Request) != c.kind || !q.read {
		return nil
	}
	for v := q.scratch.values.First(c.path); v.Valid(); v = q.scratch.values.After(v) {
		text := v.Text()
		if v.Compound() {
			text = []byte("(not a plain value)")
		}
		list = append(list, text)
	}
	return list
}

// mostSeen is how much of a value Explain tells, in bytes.
const mostSeen = 200

func short(value []byte) string {
	tail := ""
	if len(value) > mostSeen {
		value, tail = value[:mostSeen], "…"
	}
	return strings.ToValidUTF8(string(value), "�") + tail
}
