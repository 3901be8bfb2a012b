package lb

import "weir/internal/conf"

// Place is where discovery found an endpoint.
type Place struct {
	// Address is what is dialled: an IP address and port, or a socket.
	Address conf.Address
	// Name is "host:port" as configured if a lookup of it gave Address; "" means the address.
	Name string
	// Weight is the share relative to the others; below 1 counts as 1.
	Weight int
	// Zone is where the endpoint is; "" if that is not known.
	Zone string
	// Tier is 0 for an endpoint of the first choice; 1 and up are backups of the tier before.
	Tier int
}

// places returns what a configuration lists.
func places(list []EndpointConfig) []Place {
	out := make([]Place, len(list))
	for i, c := range list {
		out[i] = Place{Address: c.Address, Weight: c.Weight, Zone: c.Zone}
		if c.Backup {
			out[i].Tier = 1
		}
	}
	return out
}
