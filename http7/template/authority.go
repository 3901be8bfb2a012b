package template

import (
	"strings"

	"weir/internal/conf"
)

// placeAuthority places the parts that make up scheme and host, cutting p's literals where the path
// begins, and returns the index of the part that the path begins with; 0 without a host.
func placeAuthority(p parts) (rest int, err error) {
	return 0, nil
}

func badURL(text string) error {
	return &conf.BadValue{Text: strings.TrimSpace(text), Hint: `write "https://host/path", or "/path" for the host that was asked`}
}
