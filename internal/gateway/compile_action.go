package gateway

import (
	"mime"
	"path/filepath"

	"weir/http7"
	"weir/http7/policy/errorpages"
	"weir/http7/policy/mirror"
	"weir/http7/policy/rewrite"
	"weir/http7/redirect"
	"weir/http7/selector"
	"weir/http7/serve"
	"weir/internal/config"
)

// action is what a route does beside its policies, compiled once for all listeners.
type action struct {
	handler http7.Handler
	local   http7.Action
	by      *selector.Selection // of a split
	steps   []http7.Step        // behind those of the policies
}

func (k *compiler) compileActions() {
	k.actions = make([]action, len(k.cfg.Routes))
	for id, r := range k.cfg.Routes {
		k.actions[id] = k.action(r)
		k.live.pause()
		if b := r.Limits.BodyBytes; b != nil && !b.IsOff() && b.Value() == 0 {
			k.at(r.Path).In("limits").Add("body_bytes", "no body at all could be sent", `write a size, or "off" for no limit`)
		}
	}
}

func (k *compiler) action(r *config.Route) (a action) {
	var err error
	switch {
	case r.Handler != "":
		a.handler = k.handlers[r.Handler]
	case r.Respond != nil:
		a.local = k.respond(r)
	case r.Redirect != nil:
		if a.local, err = redirect.Compile(r.Redirect, r.Match.Captures()); err != nil {
			k.at(r.Path).AddError("redirect", err)
		}
	case r.Split != nil:
		if a.by, err = selector.New(r.SplitBy); err != nil {
			k.at(r.Path).AddError("split_by", err)
		}
	}
	a.steps = k.ownSteps(r)
	return a
}

// ownSteps compiles what a route does to requests and answers by keys of its own.
func (k *compiler) ownSteps(r *config.Route) (steps []http7.Step) {
	if r.Rewrite != nil {
		s, err := rewrite.Compile(r.Rewrite, r.Match.Captures())
		if err != nil {
			k.at(r.Path).AddError("rewrite", err)
		}
		if s.Request != nil { // it is not off, and changes something
			steps = append(steps, s)
		}
	}
	if len(r.ErrorPages) > 0 {
		pages, err := errorpages.Compile(r.ErrorPages, &k.pages)
		if err != nil {
			k.at(r.Path).AddError("error_pages", err)
		}
		steps = append(steps, pages...)
	}
	return steps
}

// mirror compiles a route's mirror for a listener. It is the very last step of requests and the first of
// answers: it copies what the endpoint gets, and compares what the endpoint gave.
func (k *compiler) mirror(r *config.Route, forwarded serve.Forwarded) http7.Step {
	needs := mirror.Needs{
		Route: r.Name, Sender: k.live.sender, Pool: k.live.pool,
		ForwardedX:    forwarded == serve.ForwardedX || forwarded == serve.ForwardedBoth,
		Forwarded7239: forwarded == serve.Forwarded7239 || forwarded == serve.ForwardedBoth,
	}
	if k.live.ready != nil {
		needs.Ready = func() bool { return k.live.ready(r.Mirror.Upstream) }
	}
	s, err := mirror.Compile(r.Mirror, needs)
	if err != nil {
		k.at(r.Path).AddError("mirror", err)
	}
	return s
}

// respond makes the action of a route that answers with fixed bytes.
func (k *compiler) respond(r *config.Route) http7.Action {
	c := r.Respond
	body, media := []byte(c.Body), c.Type
	if c.File != "" {
		var err error
		if body, err = k.report.Problems().ReadFile(c.File); err != nil {
			k.at(r.Path).In("respond").Add("file", "the file can't be read: "+err.Error(), "")
		}
		if media == "" {
			media = mediaOf(c.File)
		}
	}
	if media == "" && len(body) > 0 {
		media = "text/plain; charset=utf-8"
	}
	answer, err := http7.NewResponder(c.Status, media, body)
	if err != nil {
		k.at(r.Path).AddError("respond", err)
		return nil
	}
	return answer
}

// mediaOf returns the media type that a file's name says.
func mediaOf(file string) string {
	if t := mime.TypeByExtension(filepath.Ext(file)); t != "" {
		return t
	}
	return "application/octet-stream"
}
