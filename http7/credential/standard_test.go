package credential

import (
	"errors"
	"testing"
	"time"

	"weir/http7"
)

// Texts that only some readers tell apart must not become one: who they stand for would be the same.
func TestClaimsOfTwoUsersStayTwo(t *testing.T) {
	for _, doc := range []string{`{"sub":"a\ud800"}`, `{"sub":"a\udfff"}`, `{"sub":"\ud83d\ud83d\ude00"}`, `{"groups":["\udc00\ud800"]}`, `{"a\ud800":1}`, `{"o":{"l":[{"m":"\uD800x"}]}}`} {
		if c, err := ParseClaims([]byte(doc)); !errors.Is(err, ErrNotAnObject) {
			t.Errorf("%s: %+v, %v", doc, c, err)
		}
	}
	for doc, want := range map[string]string{
		`{"sub":"\ud83d\ude00"}`:              "sub=😀",
		`{"sub":"\\ud800"}`:                   `sub=\ud800`,
		`{"sub":"\ufffd"}`:                    "sub=\ufffd",
		`{"sub":"e\u0301"}`:                   "sub=e\u0301", // RFC 7519 §7.3: compared as it is, without normalising
		`{"Sub":"a","sub":"b"}`:               "Sub=a sub=b",
		`{"http://example.com/is_root":true}`: "http://example.com/is_root=true",
	} {
		if c, err := ParseClaims([]byte(doc)); err != nil || flat(c) != want {
			t.Errorf("%s: %+v, %v, want %s", doc, c, err, want)
		}
	}
}

// The claims set of RFC 7519 §3.1 and the answer of RFC 7662 §2.2.
func TestTheExamplesOfTheStandards(t *testing.T) {
	c, err := ParseClaims([]byte("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"))
	if err != nil {
		t.Fatal(err)
	}
	issuer, _ := c.Text("iss")
	if end, err := c.Time("exp"); issuer != "joe" || err != nil || !end.Equal(time.Unix(1300819380, 0)) || !c.True("http://example.com/is_root") {
		t.Errorf("RFC 7519: %q, %v, %v", issuer, end, err)
	}
	c, err = ParseClaims([]byte(`{"active":true,"client_id":"l238j323ds-23ij4","username":"jdoe","scope":"read write dolphin","sub":"Z5O3upPC88QrAjx00dis",` +
		`"aud":"https://protected.example.net/resource","iss":"https://server.example.com/","exp":1419356238,"iat":1419350238,"extension_field":"twenty-seven"}`))
	if err != nil {
		t.Fatal(err)
	}
	scope, _ := c.Text("scope")
	if begun, err := c.Time("iat"); !c.True("active") || scope != "read write dolphin" || err != nil || !begun.Equal(time.Unix(1419350238, 0)) {
		t.Errorf("RFC 7662: %q, %v, %v", scope, begun, err)
	}
}

// RFC 7519 §2: a StringOrURI is one string, a NumericDate is a number; a list of one is neither (but of aud, §4.1.3).
func TestAClaimOfAnotherKindIsNotTheOneThatIsMeant(t *testing.T) {
	for _, c := range []struct {
		doc    string
		text   string
		texts  int
		isTime bool
		isTrue bool
	}{
		{`{"c":"1"}`, "1", 1, false, false},
		{`{"c":["1"]}`, "", 1, false, false},
		{`{"c":["1","2"]}`, "", 2, false, false},
		{`{"c":1}`, "", 0, true, false},
		{`{"c":[1]}`, "", 0, false, false},
		{`{"c":true}`, "", 0, false, true},
		{`{"c":[true]}`, "", 0, false, false},
		{`{"c":"true"}`, "true", 1, false, false},
		{`{"c":{"c":"1"}}`, "", 0, true, false}, // there is no c but c.c: no time is said
		{`{"c":null}`, "", 0, true, false},
		{`{"c":-1}`, "", 0, false, false},
		{`{"c":1e400}`, "", 0, false, false},
	} {
		got, err := ParseClaims([]byte(c.doc))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := got.Text("c")
		_, err = got.Time("c")
		if text != c.text || len(got.Texts("c")) != c.texts || (err == nil) != c.isTime || got.True("c") != c.isTrue {
			t.Errorf("%s: %q, %q, %v, %v", c.doc, text, got.Texts("c"), err, got.True("c"))
		}
	}
}

// RFC 6750 §2, RFC 6265 §5.4, RFC 9110 §11.4: where a token stands and where something else does.
func TestWhereATokenStandsIsReadAsTheStandardsSay(t *testing.T) {
	for _, c := range []struct {
		what  string
		at    At
		x     *http7.Exchange
		token string
		count int
	}{
		{"a scheme in capitals (RFC 9110 §11.1)", all, asked("/", "AUTHORIZATION: BEARER t"), "t", 1},
		{"parameters of another scheme", all, asked("/", `Authorization: Digest realm="Bearer t"`), "", 0},
		{"a scheme that ends alike", all, asked("/", "Authorization: XBearer t"), "", 0},
		{"the field of proxies is another", all, asked("/", "Proxy-Authorization: Bearer t"), "", 0},
		{"a name of a cookie in another case (RFC 6265 §5.3)", all, asked("/", "Cookie: SESSION=t"), "", 0},
		{"a name that ends alike", all, asked("/", "Cookie: xsession=t; session2=u"), "", 0},
		{"a value with equals signs", all, asked("/", "Cookie: session=a=b=="), "a=b==", 1},
		{"a value that another has", all, asked("/", `Cookie: a=session=t`), "", 0},
		{"no space behind the semicolon", all, asked("/", "Cookie: a=b;session=t"), "t", 1},
		{"an empty value", all, asked("/", "Cookie: session="), "", 1},
		{"a name of a parameter in another case", all, asked("/?Access_Token=t"), "", 0},
		{"a name that begins alike", all, asked("/?access_token2=t&xaccess_token=u"), "", 0},
		{"a parameter without a value", all, asked("/?access_token"), "", 1},
		{"a parameter of a parameter", all, asked("/?next=%2F%3Faccess_token%3Dt"), "", 0},
		{"an equals sign in a value", all, asked("/?access_token=a=b"), "a=b", 1},
		{"what is in the path is none", all, asked("/access_token=t"), "", 0},
	} {
		token, count := place(t, c.at).Find(c.x)
		if string(token) != c.token || count != c.count {
			t.Errorf("%s: got %q, %d, want %q, %d", c.what, token, count, c.token, c.count)
		}
	}
}

// RFC 9110 §5.5: what a field may hold, and §5.6.1: what parts a list.
func TestAClaimIsToldOnlyWhereItIsReadAsItWasMeant(t *testing.T) {
	f, err := NewForward(map[string]string{"X-Claim": "c"})
	if err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]string{
		`{"c":"plain"}`: "plain", `{"c":"a, b"}`: "a, b", `{"c":["a","b c"]}`: "a,b c", `{"c":1.50}`: "1.50", `{"c":true}`: "true", `{"c":"é"}`: "é",
		`{"c":"a\r\nX-Admin: 1"}`: "!", `{"c":"a\nb"}`: "!", `{"c":"a\u0000"}`: "!", `{"c":"\u007f"}`: "!", `{"c":["a","b,c"]}`: "!", `{"c":["a",""]}`: "!", `{"c":["a\r"]}`: "!",
	} {
		c, err := ParseClaims([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		told, err := f.Tell(c)
		if want == "!" {
			if !errors.Is(err, ErrUntellable) || told != nil {
				t.Errorf("%s: told %q, %v", doc, told, err)
			}
			continue
		}
		if err != nil || string(told[0]) != want || told[0] == nil {
			t.Errorf("%s: told %q, %v, want %q", doc, told, err, want)
		}
	}
}
