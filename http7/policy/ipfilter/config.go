package ipfilter

import (
	"errors"
	"strconv"

	"weir/internal/conf"
)

// Config says which client addresses are served.
type Config struct {
	// Mode is "enforce", "observe" (record who would be refused) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Allow are blocks or addresses that are served. With any, or with AllowFile, every address in none of them is
	// refused. Default: none, everybody is served whom Deny does not name.
	Allow []conf.Prefix `toml:"allow"`
	// Deny are blocks or addresses that are refused. Where an address is in a block of each, the longer block decides,
	// and of two equal ones the denied. Default: none.
	Deny []conf.Prefix `toml:"deny"`
	// AllowFile is the path of a file with more of Allow, one block or address on a line; what follows "#" or ";" is a
	// comment. It may have 256 MiB and is read again when it changes; a file with a bad line is not taken, and what it
	// held before stays. Hazard: an empty one serves nobody but Allow. Default: none.
	AllowFile string `toml:"allow_file"`
	// DenyFile is the same for Deny. Hazard: an empty one refuses nobody but Deny. Default: none.
	DenyFile string `toml:"deny_file"`
}

// Default returns the values of absent keys.
func Default() Config { return Config{} }

// Check notes what is wrong with c, in its files too.
func (c *Config) Check(p *conf.Problems) {
	if len(c.Allow)+len(c.Deny) == 0 && c.AllowFile == "" && c.DenyFile == "" {
		p.Warn("", "every address is served", `write deny = ["203.0.113.0/24"], or leave the section out`)
	}
	for i, a := range c.Deny {
		for _, b := range c.Allow {
			if a == b {
				p.Index("deny", i).Add("", strconv.Quote(a.String())+" is allowed as well", "keep it in one of the two")
			}
		}
	}
	checkFile(p, "allow_file", c.AllowFile)
	checkFile(p, "deny_file", c.DenyFile)
}

// mostTold is how many bad lines of a file are told.
const mostTold = 5

func checkFile(p *conf.Problems, key, path string) {
	if path == "" {
		return
	}
	text, err := p.ReadFile(path)
	if errors.Is(err, conf.ErrTooLarge) { // for most files; this one may be read, and is regular
		text, err = conf.ReadUpTo(path, mostBytes)
	}
	if err != nil {
		p.Add(key, strconv.Quote(path)+" can't be read: "+conf.FileTrouble(err), "the user that runs Weir must be able to read this file")
		return
	}
	told := 0
	for n := range networks(string(text)) {
		if n.bad == nil {
			continue
		}
		if told++; told > mostTold {
			p.Add(key, strconv.Quote(path)+" has more bad lines", "")
			return
		}
		b := n.bad
		p.Add(key, path+":"+strconv.Itoa(n.line)+": "+b.Text, b.Hint)
	}
}
