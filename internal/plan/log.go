package plan

// Log is what the requests of a log would have met under the new config, where it differs from the old one.
type Log struct {
	// Lines are all lines of the log; Foreign those that are none of Weir's, with Problems showing the first.
	Lines    int64    `json:"lines"`
	Foreign  int64    `json:"foreign"`
	Problems []string `json:"problems,omitempty"`
	// Cut says that the log ends within a line, as one does that is still written; that line is not counted.
	Cut bool `json:"cut,omitempty"`
	// Sessions are those of tcp listeners, and Unread the requests that were refused for what the log does not show of
	// them, such as a malformed head. Neither is judged.
	Sessions int64 `json:"sessions"`
	Unread   int64 `json:"unread"`
	// Requests are all that could be judged or not: Same + Changed + Undecidable.
	Requests    int64 `json:"requests"`
	Same        int64 `json:"same"`
	Changed     int64 `json:"changed"`
	Undecidable int64 `json:"undecidable"`
	// Elsewhere are requests that took another route than the old config has for them: they were served under another
	// config than the old one, or in a state that the log does not tell.
	Elsewhere int64 `json:"elsewhere,omitempty"`
	// Otherwise are routes with requests that count as same, route and verdict being so, and may leave or be answered in
	// another form, the most requests first; see [Report.Join].
	Otherwise []Otherwise `json:"otherwise,omitempty"`
	// First and Last are the times of the first and the last request, RFC 3339; "" without any.
	First string `json:"first,omitempty"`
	Last  string `json:"last,omitempty"`
	// Missing are the fields that the undecidable ones lack, the most frequent first.
	Missing []Missing `json:"missing,omitempty"`
	// Groups are the changed ones by what they had and what they would get, the largest first; MoreGroups and MoreChanged
	// are the groups that are not listed and their requests.
	Groups      []Group `json:"groups,omitempty"`
	MoreGroups  int     `json:"more_groups,omitempty"`
	MoreChanged int64   `json:"more_changed,omitempty"`
	// Hits are the policies and limits of the new config that would have met requests which they let pass before.
	Hits []Hit `json:"hits,omitempty"`

	places map[place]int64 // where the same ones went
}

// Missing is a field that decides and that the log does not have.
type Missing struct {
	Selector string `json:"selector"`
	Requests int64  `json:"requests"`
}

// Group is a set of requests that change alike.
type Group struct {
	From     Meeting   `json:"from"`
	To       Meeting   `json:"to"`
	Requests int64     `json:"requests"`
	Clients  Clients   `json:"clients"`
	Examples []Example `json:"examples"`
}

// Meeting is what a config makes of a request, in the words of a report.
type Meeting struct {
	Route     string   `json:"route,omitempty"`
	Upstreams []string `json:"upstreams,omitempty"`
	Status    int      `json:"status,omitempty"`
	Fault     string   `json:"fault,omitempty"`
	By        string   `json:"by,omitempty"`
}

// Hit is a policy or a limit that would have met requests.
type Hit struct {
	// Policy is the policy's name, "" for a limit; Limit is the limit: "body_bytes", "timeout".
	Policy string `json:"policy,omitempty"`
	Limit  string `json:"limit,omitempty"`
	// Route is the route that has the limit.
	Route string `json:"route,omitempty"`
	// Said is what it says: the fault's name, or a remark.
	Said   string `json:"said"`
	Status int    `json:"status,omitempty"`
	// Observed says that it would only have been noted.
	Observed bool      `json:"observed,omitempty"`
	Requests int64     `json:"requests"`
	Clients  Clients   `json:"clients"`
	Examples []Example `json:"examples"`
}

// Clients are the addresses that requests came from.
type Clients struct {
	// Count is how many there are; AtLeast says that there are more, which were not told apart.
	Count   int  `json:"count"`
	AtLeast bool `json:"at_least,omitempty"`
	// Top are those with the most requests.
	Top []Client `json:"top"`
}

// Client is an address with its requests.
type Client struct {
	Address  string `json:"address"`
	Requests int64  `json:"requests"`
}

// Example is one of the requests.
type Example struct {
	Line    int64  `json:"line"`
	Request string `json:"request"` // GET host/target
	Client  string `json:"client,omitempty"`
	Was     int    `json:"was,omitempty"` // the status in the log
	// Location is where it would be redirected to, if that is what changes.
	Location string `json:"location,omitempty"`
}
