package clientcert

import (
	"maps"
	"slices"
	"strconv"

	"weir/http7"
	"weir/internal/conf"
)

// Config finds out who sends a request by the certificate that its connection has shown. The listener's
// tls.client_auth says whose certificates are believed; without it there is never one. A request without a certificate
// goes on as nobody. One whose certificate lacks the name of the consumer is refused with 403.
type Config struct {
	// Mode is "enforce", "observe" (find out who it is, refuse and change nothing) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Consumer is which name of the certificate is the consumer: "subject.cn", "subject", "san.dns", "san.email",
	// "san.uri", "san.ip" or "fingerprint". Of several it is the first. Default: "subject.cn".
	Consumer string `toml:"consumer"`
	// Groups is which names are the consumer's groups: "subject.ou" or "subject.o". Default: none.
	Groups string `toml:"groups"`
	// Claims are names that become claims, each called as it is written here, for conditions and authorise; a name
	// that is there several times gives as many claims. Any that forward takes but "certificate". Default: none.
	Claims []string `toml:"claims"`
	// Forward tells the endpoint of the certificate: fields, each with "subject", "subject.cn", "subject.o",
	// "subject.ou", "issuer", "issuer.cn", "san", "san.dns", "san.email", "san.uri", "san.ip", "serial",
	// "fingerprint", "not_after" or "certificate" (RFC 9440). What clients say in these fields is removed.
	// Default: none.
	Forward map[string]string `toml:"forward"`
}

// Default returns the values of absent keys.
func Default() Config { return Config{Consumer: "subject.cn"} }

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	if c.Consumer == "serial" {
		p.Add("consumer", `"serial" names nobody: two authorities may give the same number`, `write "fingerprint" or "subject.cn"`)
	} else {
		p.OneOf("consumer", c.Consumer, "a name for a consumer", consumers...)
	}
	if c.Groups != "" {
		p.OneOf("groups", c.Groups, "a name for groups", "subject.ou", "subject.o")
	}
	for i, claim := range c.Claims {
		p.Index("claims", i).OneOf("", claim, "a name of a certificate", claims()...)
	}
	p = p.In("forward")
	for _, field := range slices.Sorted(maps.Keys(c.Forward)) {
		name, ok := http7.NewName(field)
		switch {
		case !ok:
			p.AddKey(field, strconv.Quote(field)+" is not a field name", "a name has letters, digits and hyphens")
		case name.ID() != http7.Unlisted:
			p.AddKey(field, strconv.Quote(field)+" has another meaning", `write a field of your own, such as "X-Client-CN"`)
		}
		p.OneOf(field, c.Forward[field], "a name of a certificate", words()...)
	}
}

// consumers are the names that may be a consumer: those that stand ready as texts.
var consumers = []string{"subject.cn", "subject", "san.dns", "san.email", "san.uri", "san.ip", "fingerprint"}

// words are all names of a certificate.
func words() []string {
	list := make([]string, len(facts))
	for i := range facts {
		list[i] = facts[i].word
	}
	return list
}

// claims are the names that may be claims.
func claims() []string {
	return slices.DeleteFunc(words(), func(w string) bool { return w == "certificate" })
}
