package fetch

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"

	"weir/internal/conf"
)

// ParseURL reads a URL that a config names as one to ask: absolute, http or https, with a host, and without a user, whose
// password would be read wherever the URL is shown, and without a fragment.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("it begins neither with https:// nor with http://")
	case u.Hostname() == "":
		return nil, errors.New("the host is missing")
	case u.User != nil:
		return nil, errors.New("a user in a URL is shown wherever the URL is")
	case u.Fragment != "":
		return nil, errors.New("a fragment is not sent")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errors.New(strconv.Quote(port) + " is not a port")
		}
	}
	return u, nil
}

// CheckURL notes at key what is wrong with a URL that is asked; nil is returned then.
func CheckURL(p *conf.Problems, key, text string) *url.URL {
	u, err := ParseURL(text)
	if err != nil {
		p.Add(key, "it can't be asked: "+err.Error(), `write a URL, such as "https://id.example.com/path"`)
		return nil
	}
	return u
}

// Open reports whether what is said over u can be read and changed on its way: http to anywhere but this machine.
func Open(u *url.URL) bool {
	if u.Scheme == "https" || u.Hostname() == "localhost" {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	return err != nil || !a.IsLoopback()
}

// HostOf returns host and port of a URL for logs and remarks: "id.example.com:443". Of what is no URL it is "".
func HostOf(text string) string {
	u, err := ParseURL(text)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
