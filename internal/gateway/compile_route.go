package gateway

import (
	"cmp"
	"math"
	"mime"
	"os"
	"path/filepath"

	"weir/http7"
	"weir/http7/serve"
	"weir/internal/conf"
	"weir/internal/config"
)

// compileActions makes the handlers of routes that answer from here, once for all listeners.
func (k *compiler) compileActions() {
	k.actions = make([]http7.Handler, len(k.cfg.Routes))
	for id, r := range k.cfg.Routes {
		switch {
		case r.Handler != "":
			k.actions[id] = k.handlers[r.Handler]
		case r.Respond != nil:
			k.actions[id] = k.respond(r)
		}
		if b := r.Limits.BodyBytes; b != nil && !b.IsOff() && b.Value() == 0 {
			k.at(r.Path).In("limits").Add("body_bytes", "no body at all could be sent", `write a size, or "off" for no limit`)
		}
	}
}

// respond makes the handler of a route that answers with fixed bytes.
func (k *compiler) respond(r *config.Route) http7.Handler {
	c := r.Respond
	body, media := []byte(c.Body), c.Type
	if c.File != "" {
		var err error
		if body, err = os.ReadFile(c.File); err != nil {
			k.at(r.Path).In("respond").Add("file", "the file can't be read: "+err.Error(), "")
		}
		if media == "" {
			media = mediaOf(c.File)
		}
	}
	if media == "" && len(body) > 0 {
		media = "text/plain; charset=utf-8"
	}
	return http7.Respond(c.Status, media, body)
}

// mediaOf returns the media type that a file's name says.
func mediaOf(file string) string {
	if t := mime.TypeByExtension(filepath.Ext(file)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// plan compiles a route for one listener. late are the listener's steps behind the match.
func (k *compiler) plan(id int, r *config.Route, l *config.Listener, late []bundle) *serve.Plan {
	p := &serve.Plan{
		Route: &http7.Route{
			ID:        id,
			Name:      r.Name,
			Listeners: r.Listeners,
			Hosts:     r.Match.Hosts,
			Paths:     r.Match.Path,
			Methods:   r.Match.Methods,
			Priority:  r.Priority,
			Upstream:  r.Upstream,
			Handler:   k.actions[id],
			Timeout:   r.Timeout.Value(),
			BodyLimit: bodyLimit(r.Limits.BodyBytes, l.Limits.BodyBytes),
			Steps:     merge(late, k.named(r.Policies), r.Without),
		},
		Without: r.Without,
	}
	if u := k.cfg.Upstreams[r.Upstream]; u != nil {
		p.Host = hostRule(u.Host)
		p.Retry, p.Hedge = serve.NewRetry(cmp.Or(r.Retry, &u.Retry)), serve.NewHedge(cmp.Or(r.Hedge, u.Hedge))
	}
	return p
}

// bodyLimit returns a route's own bound. 0 leaves it to the listener, so "off" in place of a
// listener's bound is one that nothing reaches.
func bodyLimit(route *conf.Size, listener conf.Size) int64 {
	switch {
	case route == nil, route.IsOff() && listener.IsOff():
		return 0
	case route.IsOff():
		return math.MaxInt64
	}
	return route.Value()
}

func hostRule(host string) serve.HostRule {
	switch host {
	case config.HostPreserve:
		return serve.HostRule{}
	case config.HostEndpoint:
		return serve.HostRule{Endpoint: true}
	}
	return serve.HostRule{Name: host}
}
