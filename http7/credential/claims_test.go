package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// flat writes claims as "name=value", one behind the other.
func flat(c *Claims) string {
	var all []string
	for _, a := range c.All {
		all = append(all, a.Name+"="+string(a.Value))
	}
	return strings.Join(all, " ")
}

func TestClaimsAreMadeFlat(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{`{}`, ""},
		{" \r\n\t{ } \n", ""},
		{`{"sub":"alice"}`, "sub=alice"},
		{"{ \"a\" : 1 ,\n\"b\":\t-2.5e3, \"c\": true ,\"d\":false,\"e\":null, \"f\": \"\" }", "a=1 b=-2.5e3 c=true d=false f="},
		{`{"groups":["a","b", "c" ]}`, "groups=a groups=b groups=c"},
		{`{"groups":[]}`, ""},
		{`{"realm_access":{"roles":["x","y"],"n":{"m":1}},"z":0}`, "realm_access.roles=x realm_access.roles=y realm_access.n.m=1 z=0"},
		{`{"l":[1,[2,{"m":3}],{"m":4}]}`, "l=1 l=2 l.m=3 l.m=4"},
		{`{"\u0073\u0075b":"\"q\"\\ \u00e9\n"}`, "sub=\"q\"\\ é\n"},
		{`{"é":"ü"}`, "é=ü"},
		{`{"a":"}","b":"],{"}`, "a=} b=],{"},
	} {
		got, err := ParseClaims([]byte(c.doc))
		if err != nil || flat(got) != c.want {
			t.Errorf("%s: got %v, %v, want %s", c.doc, got, err, c.want)
		}
	}
}

func TestDocumentsThatAreRefused(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	many := func(n int) string { return `{"a":[` + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]}" }
	for _, c := range []struct {
		doc  string
		want error
	}{
		{``, ErrNotAnObject},
		{`null`, ErrNotAnObject},
		{`"text"`, ErrNotAnObject},
		{`[{"sub":"a"}]`, ErrNotAnObject},
		{`{"sub":"a"`, ErrNotAnObject},
		{`{"sub":"a"}{}`, ErrNotAnObject},
		{`{"sub":"a",}`, ErrNotAnObject},
		{`{sub:"a"}`, ErrNotAnObject},
		{`{"n":01}`, ErrNotAnObject},
		{"{\"sub\":\"\xff\"}", ErrNotAnObject},
		{"\xef\xbb\xbf{}", ErrNotAnObject},
		{`{"sub":"a","sub":"b"}`, ErrTwice},
		{`{"sub":"a","\u0073ub":"b"}`, ErrTwice},
		{`{"o":{"a":1,"a":1}}`, ErrTwice},
		{deep(maxDepth - 1), nil},
		{deep(maxDepth), ErrTooDeep},
		{deep(5000), ErrTooDeep},
		{many(maxValues), nil},
		{many(maxValues + 1), ErrTooMany},
	} {
		if _, err := ParseClaims([]byte(c.doc)); !errors.Is(err, c.want) {
			t.Errorf("%.40s: got %v, want %v", c.doc, err, c.want)
		}
	}
}

func TestClaimsOfAKind(t *testing.T) {
	c, err := ParseClaims([]byte(`{"s":"x","n":5,"b":true,"no":false,"l":["a",1,"b"],"t":"true","empty":""}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		name, text string
		is, has    bool
	}{{"s", "x", true, true}, {"n", "", false, true}, {"l", "", false, true}, {"none", "", false, false}, {"empty", "", true, true}} {
		if text, is := c.Text(q.name); text != q.text || is != q.is || c.Has(q.name) != q.has {
			t.Errorf("%s: got %q, %v, %v", q.name, text, is, c.Has(q.name))
		}
	}
	empty, err := ParseClaims([]byte(`{"crit":[],"null":null,"o":{"in":1}}`))
	if err != nil || !empty.Member("crit") || !empty.Member("null") || !empty.Member("o") || empty.Member("in") || empty.Member("o.in") || empty.Has("crit") {
		t.Errorf("members: %+v, %v", empty, err)
	}
	if got := c.Texts("l"); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the texts of a list: %q", got)
	}
	if got := c.Texts("s"); !slices.Equal(got, []string{"x"}) || c.Texts("n") != nil {
		t.Errorf("the texts of one: %q", got)
	}
	for name, want := range map[string]bool{"b": true, "no": false, "t": false, "n": false, "none": false} {
		if c.True(name) != want {
			t.Errorf("%s is true: %v", name, c.True(name))
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		value string
		want  time.Time
		err   error
	}{
		{"1300819380", time.Unix(1300819380, 0), nil},
		{"1300819380.5", time.UnixMilli(1300819380500), nil},
		{"1.3e9", time.Unix(1300000000, 0), nil},
		{"0", time.Unix(0, 0), nil},
		{"1e300", time.Unix(1<<33, 0), nil},
		{"1e999", time.Time{}, ErrNotATime},
		{"-1", time.Time{}, ErrNotATime},
		{`"1300819380"`, time.Time{}, ErrNotATime},
		{"true", time.Time{}, ErrNotATime},
		{"[1300819380]", time.Time{}, ErrNotATime},
		{"null", time.Time{}, nil},
	} {
		p, err := ParseClaims([]byte(`{"exp":` + c.value + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.Time("exp"); !got.Equal(c.want) || err != c.err {
			t.Errorf("%s: got %v, %v, want %v, %v", c.value, got, err, c.want, c.err)
		}
	}
}

// flatten is ParseClaims in the obvious way, without its bounds.
func flatten(in *json.Decoder, name string, out *[]string) error {
	token, err := in.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		for in.More() {
			member := name
			if v == '{' {
				key, err := in.Token()
				if err != nil {
					return err
				}
				if member = key.(string); name != "" {
					member = name + "." + member
				}
			}
			if err := flatten(in, member, out); err != nil {
				return err
			}
		}
		_, err = in.Token()
	case nil:
	default:
		*out = append(*out, name+"="+fmt.Sprint(v))
	}
	return err
}

func FuzzClaims(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,{"b":"\u00e9\\"}],"c":null}`, `{"a":1,"a":2}`, " {\"a\" : -1.5e-7 , \"b\":[ ] } ", `{"a":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, err := ParseClaims(doc)
		if err != nil {
			return
		}
		in := json.NewDecoder(bytes.NewReader(doc))
		in.UseNumber()
		var want []string
		if err := flatten(in, "", &want); err != nil {
			t.Fatalf("%q is taken, and is no JSON: %v", doc, err)
		}
		if _, err := in.Token(); err != io.EOF {
			t.Fatalf("%q is taken, and has more", doc)
		}
		if got := flat(c); !strings.Contains(string(doc), `""`) && got != strings.Join(want, " ") {
			t.Fatalf("%q: got %q, want %q", doc, got, want)
		}
	})
}

func BenchmarkClaims(b *testing.B) {
	doc := []byte(`{"iss":"https://id.example.com","aud":"api","sub":"alice","exp":1300819380,"nbf":1300819380,"groups":["staff","partners"],"scope":"orders.read orders.write","plan":"gold"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseClaims(doc); err != nil {
			b.Fatal(err)
		}
	}
}
