package config

import "testing"

func TestGRPCWebIsTranslatedForEndpointsThatSpeakHTTP2(t *testing.T) {
	follow(t, `
[listeners.web]
address = ":80"
[policies.web.translate]
request = "grpc-web"
[upstreams]
one = { endpoints = "a:1" }
two = { endpoints = "a:2", protocol = "h2c" }
[[routes]]
match.path = "/both"
split = [{ upstream = "one", weight = 1 }, { upstream = "two", weight = 1 }]
[[routes]]
%s
`, []rule{
		{text: `upstream = "one"` + "\n[policies.web.headers.request]\nremove = \"X\"", want: `warning: policies.web: no route and no listener uses this policy`},
		{text: "upstream = \"two\"\npolicies = \"web\""},
		{text: "upstream = \"one\"\npolicies = \"web\"", want: `warning: routes[1].policies[0]: the translate of "web" makes gRPC of requests, and upstreams.one is spoken to over HTTP/1`},
		{text: "split = [{ upstream = \"two\", weight = 1 }, { upstream = \"one\", weight = 1 }]\npolicies = \"web\"", want: `warning: routes[1].policies[0]: the translate of "web" makes gRPC of requests, and upstreams.one is`},
		{text: "upstream = \"two\"\npolicies = [\"web\", \"xml\"]\n[policies.xml.translate]\nrequest = \"json-to-xml\"", want: `policies.xml.translate.request: "json-to-xml" is not there yet`},
		{text: "upstream = \"two\"\npolicies = [\"web\", \"xml\"]\n[policies.xml]\ntranslate = {}", want: `policies.xml.translate.request: nothing is translated`},
		{text: "upstream = \"two\"\npolicies = [\"web\", \"xml\"]\n[policies.xml.translate]\nrequest = \"grpc\"", want: `policies.xml.translate.request: "grpc" is not a translation`},
	})
}
