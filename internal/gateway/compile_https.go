package gateway

import (
	"net/http"
	"strconv"

	"weir/http7"
	"weir/http7/match"
	"weir/http7/redirect"
	"weir/http7/serve"
)

// toHTTPS is the name of the only route of a listener that redirects, in metrics and logs.
const toHTTPS = "redirect_to_https"

// redirectSite makes a site send every request to the same URL with https.
func (k *compiler) redirectSite(s *serve.Site, p *parts, port uint16) {
	to := "https://{host}"
	if port != 443 {
		to += ":" + strconv.Itoa(int(port))
	}
	action, err := redirect.Compile(&redirect.Config{To: to + "{path}", Status: http.StatusPermanentRedirect}, nil)
	if err != nil {
		k.report.Problems().AddError("listeners", err)
		return
	}
	// Its ID is behind those of the config's routes, which all sites share.
	steps := merge(p.late, nil, nil)
	route := &http7.Route{ID: len(s.Plans), Name: toHTTPS, Listeners: []string{s.Listener}, Steps: steps, Unidentified: p.unidentified(steps, nil)}
	s.Plans = append(s.Plans, &serve.Plan{Route: route, Local: action})
	s.Table, _ = match.Compile([]*http7.Route{route})
}
