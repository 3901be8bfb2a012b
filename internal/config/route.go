package config

import (
	"weir/http7/forward"
	"weir/http7/policy/errorpages"
	"weir/http7/policy/mirror"
	"weir/http7/policy/rewrite"
	"weir/http7/redirect"
	"weir/internal/conf"
)

// Route says which requests go where. It has one of Upstream, Split, Redirect, Respond and Handler.
type Route struct {
	// Name is the route's name in metrics, logs and commands. Default: from methods, host and path.
	Name string `toml:"name"`
	// Listeners are those that serve the route. Default: every http listener.
	Listeners []string `toml:"listeners"`
	// Match says which requests the route takes. Absent: every request.
	Match Match `toml:"match"`
	// Upstream answers the requests.
	Upstream string `toml:"upstream"`
	// Split divides the requests among upstreams by weight.
	Split []Side `toml:"split"`
	// SplitBy are the selectors that tell users apart, such as "cookie:uid": the same user stays on
	// the same side for as long as the sides are the same. A list means together: a request that
	// lacks any of them is drawn. Default: every request is drawn.
	SplitBy conf.Selectors `toml:"split_by"`
	// Mirror sends copies of the requests to another upstream; clients never see its answers. Only
	// beside upstream and split. Default: absent.
	Mirror *mirror.Config `toml:"mirror"`
	// Rewrite changes the path that the endpoint is asked for. Only beside upstream and split.
	// Default: absent.
	Rewrite *rewrite.Config `toml:"rewrite"`
	// Redirect sends clients elsewhere.
	Redirect *redirect.Config `toml:"redirect"`
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
	// ErrorPages are files whose content stands in for error answers, by sets of statuses: "404",
	// "502,503", "500-504", "5xx"; the smaller set decides. Of several files with different extensions, the
	// client's Accept chooses. A page may hold {status}, {title} and {request_id}. Default: none.
	ErrorPages errorpages.Config `toml:"error_pages"`
	// Priority decides between routes that match equally well; the higher wins. Default: 0.
	Priority int `toml:"priority"`

	// Path is the route's place, for [Report.Problems].
	Path conf.Path `toml:"-"`
}

// Side is one side of a split.
type Side struct {
	// Upstream answers the requests of this side. Required.
	Upstream string `toml:"upstream"`
	// Weight is the side's part of the sum of all weights, from 0 (none) to 1000000. Default: 1.
	Weight int `toml:"weight"`
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
