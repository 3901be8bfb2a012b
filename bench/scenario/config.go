// Package scenario reads the requests of a load test from a TOML file: which, how often, with what values, and which
// answers are right.
//
// `weir bench --scenario` loads a file and hands its Source to bench.Run; nobody else does. The file says what is
// sent and knows neither the target's address nor rates and durations. Loading is as strict as Weir's own config: all
// problems at once, each with file, line, column, key and hint.
//
// README.md is the manual of the format.
package scenario

import "weir/internal/conf"

// Config is a scenario file.
type Config struct {
	// Headers are added to every request; a request's own field of a name replaces them. A value is a template; a
	// list is a field for each of its values. Default: none.
	Headers map[string][]string `toml:"headers"`
	// Data are tables of values by name; ${name.column} in a template stands for a value.
	Data map[string]*Data `toml:"data"`
	// Requests are the kinds of requests; one is chosen for each turn to send. At least one.
	Requests []*Request `toml:"requests"`
}

// Data is one table of values.
type Data struct {
	// File is a CSV file (RFC 4180, UTF-8) whose first line names the columns, relative to the scenario's. Required.
	File string `toml:"file"`
	// Order is how a turn gets its row: "sequential" takes row n modulo their number for turn n, "random" any row.
	// All columns that a turn uses are of the same row. Default: "sequential".
	Order string `toml:"order"`
}

// Request is one kind of request.
type Request struct {
	// Name is what reports call it. Default: method and path.
	Name string `toml:"name"`
	// Weight is its share among the weights of all. 1 to 1,000,000. Default: 1.
	Weight int `toml:"weight"`
	// Method is the HTTP method. Default: GET, or POST where there is a body.
	Method string `toml:"method"`
	// Path is path and query, a template. Values are percent-encoded. Required.
	Path string `toml:"path"`
	// Host is what to ask for instead of the target's own host. Fixed text. Default: the target's.
	Host string `toml:"host"`
	// Headers are added, in the order of writing; values are templates, a list is a field for each of its values.
	Headers map[string][]string `toml:"headers"`
	// Body is the content, a template. Values are put in as they are. Default: none.
	Body string `toml:"body"`
	// BodyFile is a file whose bytes are the content, as they are; relative to the scenario's. Default: none.
	BodyFile string `toml:"body_file"`
	// Expect says which answers are right; others count as failed.
	Expect Expect `toml:"expect"`
}

// Expect says which answers are right.
type Expect struct {
	// Status are codes, ranges and classes: "2xx", 404, ["200-204", 304]. Default: everything below 400.
	Status []conf.StatusSet `toml:"status"`
	// Body says what the content must be. All that is given must hold. Default: anything.
	Body ExpectBody `toml:"body"`
}

// ExpectBody says what an answer's content must be; it sees the first 1 MiB of it. Fixed text, no templates.
type ExpectBody struct {
	// Contains are texts that must all occur. Default: none.
	Contains []string `toml:"contains"`
	// Equals is the whole content. Default: not compared.
	Equals string `toml:"equals"`
	// Matches is a regular expression (RE2) that must match somewhere. Default: none.
	Matches string `toml:"matches"`
}

const (
	orderSequential = "sequential"
	orderRandom     = "random"
	maxWeight       = 1_000_000
)

// defaultRequest holds what an absent key of a request means.
func defaultRequest() Request { return Request{Weight: 1} }

// defaultData holds what an absent key of a data table means.
func defaultData() Data { return Data{Order: orderSequential} }
