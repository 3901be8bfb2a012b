package gateway

import (
	"weir/http7"
	"weir/internal/config"
)

// hiddenOf returns the parameters of queries in which credentials of a listener's requests stand. A request whose route
// is not found, or that is refused before anybody asks who it is, has them all the same.
func (k *compiler) hiddenOf(name string, l *config.Listener) *http7.Hidden {
	var parameters []string
	add := func(policies []string) {
		for _, b := range k.named(policies) {
			for i := range b.steps {
				parameters = append(parameters, b.steps[i].Hides...)
			}
		}
	}
	add(l.Policies)
	for _, r := range k.cfg.Routes {
		if r.On(name, l) {
			add(r.Policies)
		}
	}
	return http7.NewHidden(parameters)
}
