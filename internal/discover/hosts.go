package discover

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"strings"
)

// hostsFile is where addresses are written down for this machine alone (hosts(5)).
const hostsFile = "/etc/hosts"

// fromHosts returns the addresses that a hosts file has for a name; none if it can't be read.
func fromHosts(path, name string) []netip.Addr {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return inHosts(text, strings.TrimSuffix(name, "."))
}

func inHosts(text []byte, name string) []netip.Addr {
	var found []netip.Addr
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		ip, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, alias := range fields[1:] {
			if strings.EqualFold(alias, name) {
				found = append(found, ip.Unmap())
				break
			}
		}
	}
	return found
}
