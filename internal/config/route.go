package config

import (
	"weir/http7/forward"
	"weir/internal/conf"
)

// Route says which requests go where. It has one of Upstream, Respond and Handler.
type Route struct {
	// Name is the route's name in metrics, logs and commands. Default: from methods, host and path.
	Name string `toml:"name"`
	// Listeners are those that serve the route. Default: every http listener.
	Listeners []string `toml:"listeners"`
	// Match says which requests the route takes. Absent: every request.
	Match Match `toml:"match"`
	// Upstream answers the requests.
	Upstream string `toml:"upstream"`
	// Respond answers the requests from here.
	Respond *Respond `toml:"respond"`
	// Handler is the name of a handler compiled into this program.
	Handler string `toml:"handler"`
	// Policies apply to this route, behind the listener's. Default: none.
	Policies []string `toml:"policies"`
	// Without are the listener's policies that this route opts out of. Default: none.
	Without []string `toml:"without"`
	// Timeout bounds the whole exchange, every attempt included. Default: off.
	Timeout conf.Duration `toml:"timeout"`
	// Limits of this route stand in place of the listener's.
	Limits RouteLimits `toml:"limits"`
	// Retry holds keys that stand in place of the upstream's. Default: the upstream's.
	Retry *forward.RetryConfig `toml:"retry"`
	// Hedge holds keys that stand in place of the upstream's. Default: the upstream's.
	Hedge *forward.HedgeConfig `toml:"hedge"`
	// Priority decides between routes that match equally well; the higher wins. Default: 0.
	Priority int `toml:"priority"`

	// Path is the route's place, for [Report.Problems].
	Path conf.Path `toml:"-"`
}

// Match says which requests a route takes: those that meet every condition that is there.
type Match struct {
	// Hosts are exact names, or "*.example.com" for every name below it. Default: any.
	Hosts []string `toml:"hosts"`
	// Path is one or more of "/exact" and "/prefix/*", which matches "/prefix" and all below it.
	// Default: any.
	Path []string `toml:"path"`
	// Methods are exact, in capitals. Default: any.
	Methods []string `toml:"methods"`
}

// RouteLimits bound the requests of one route.
type RouteLimits struct {
	// BodyBytes bounds a request's body; a longer one is answered 413. Default: the listener's.
	BodyBytes *conf.Size `toml:"body_bytes"`
}

// Respond is an answer that Weir gives by itself.
type Respond struct {
	// Status is the answer's status, from 200 to 599. Default: 200.
	Status int `toml:"status"`
	// Body is the answer's content. Default: "".
	Body string `toml:"body"`
	// Type is the content's media type. Default: "text/plain; charset=utf-8", or by the file's name.
	Type string `toml:"type"`
	// File is the path of a file whose content is the answer's. Default: "".
	File string `toml:"file"`
}
