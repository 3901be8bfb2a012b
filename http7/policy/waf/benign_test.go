package waf_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
)

// request is what a client sends.
type request struct {
	method, target, contentType, body string
	// fields are further ones, name and value in turn.
	fields []string
}

// people, places and words are what ordinary requests are about, with what looks odd to a rule and is not.
var (
	people = []string{"Anna Müller", "Sean O'Brien", "D'Angelo Russell", "Jean-Luc Picard", "李小龍", "Zoë Krüger", "María-José Núñez", "Al Green", "Grant Select", "Robert Tables", "Ng Wei", "Drop Smith"}
	mails  = []string{"anna.mueller@example.com", "sean+orders@example.org", "dangelo@mail.example.net", "zoe_k@example.co.uk", "info@bücher.example"}
	places = []string{"12 Rue de l'Église, 75001 Paris", "Hauptstraße 5, 10115 Berlin", "221B Baker Street, London", "1600 Pennsylvania Ave NW #2", "Calle 8 & Avenida 3, Bogotá"}
	notes  = []string{
		"Please leave the parcel with the neighbour (3rd floor, left).",
		"It's urgent; we need it by Friday!",
		"Rock & Roll T-shirt, size M/L",
		"Could you select the blue one from the new collection?",
		"Deliver between 9:00-12:00 or after 17:00",
		"Price: 19.99 EUR (incl. 20% VAT)",
		"Order #4711 - replacement for #4702",
		"He said \"fine\" and left.",
		"50% off; 2 for 1, all sizes",
		"See https://shop.example.com/items/42?ref=newsletter for details",
		"Update: the meeting moved to room 5, floor 2",
		"Union Square, group A, where we met last year",
		"Line one\nLine two\n\n- a list\n- of things",
		"C++ and C# are languages; so is F#",
		"a < b and b > c, so a*2 <= c",
		"Größe: 180 cm, Gewicht: 75 kg — danke!",
		"数量は三つです。よろしくお願いします。",
		"Totals: 3 x 4 = 12, 12 / 5 = 2.4",
		"Drop me a line when the table is free",
		"script for the play, act 2",
	}
	agents = []string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"okhttp/4.12.0", "axios/1.7.2", "PostmanRuntime/7.39.0", "Dart/3.4 (dart:io)", "orders-service/2.14.0 (+https://example.com/bot)",
		"Apache-HttpClient/5.3 (Java/21.0.2)", "OrdersApp/5.1 (iPhone; iOS 17.5)",
	}
)

// benign returns n requests of ordinary use of an API, the same ones each time.
func benign(n int) []request {
	r := rand.New(rand.NewPCG(7, 11))
	all := make([]request, n)
	for i := range all {
		all[i] = kinds[i%len(kinds)](r)
		all[i].fields = append(all[i].fields, "User-Agent", one(r, agents), "Accept", "application/json, text/plain, */*")
		if r.IntN(2) == 0 {
			all[i].fields = append(all[i].fields, "Authorization", "Bearer "+token(r))
		}
		if r.IntN(3) == 0 {
			all[i].fields = append(all[i].fields, "Cookie", "sid="+hex(r, 32)+"; theme=dark; _ga=GA1.2."+fmt.Sprint(r.IntN(1e9)))
		}
		if r.IntN(3) == 0 {
			all[i].fields = append(all[i].fields, "X-Request-Id", uuid(r), "Origin", "https://app.example.com", "Referer", "https://app.example.com/orders?page=2")
		}
	}
	return all
}

func one[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func hex(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[r.IntN(16)]
	}
	return string(b)
}

func uuid(r *rand.Rand) string {
	return hex(r, 8) + "-" + hex(r, 4) + "-4" + hex(r, 3) + "-a" + hex(r, 3) + "-" + hex(r, 12)
}

func token(r *rand.Rand) string {
	raw := make([]byte, 64)
	for i := range raw {
		raw[i] = byte(r.IntN(256))
	}
	return "eyJhbGciOiJFUzI1NiJ9." + base64.RawURLEncoding.EncodeToString(raw[:40]) + "." + base64.RawURLEncoding.EncodeToString(raw)
}

func date(r *rand.Rand) string {
	return fmt.Sprintf("20%02d-%02d-%02dT%02d:%02d:%02d.%03dZ", 20+r.IntN(7), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000))
}

func document(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func order(r *rand.Rand) map[string]any {
	return map[string]any{
		"id": uuid(r), "customer": map[string]any{"name": one(r, people), "email": one(r, mails), "address": one(r, places)},
		"items": []any{
			map[string]any{"sku": "A-" + hex(r, 4), "quantity": 1 + r.IntN(9), "price": float64(r.IntN(10000)) / 100},
			map[string]any{"sku": "B-" + hex(r, 4), "quantity": 1, "price": 120, "gift": r.IntN(2) == 0},
		},
		"note": one(r, notes), "created_at": date(r), "currency": one(r, []string{"EUR", "USD", "JPY"}), "total": nil,
		"tags": []string{"new", "web", "priority-" + fmt.Sprint(r.IntN(5))},
	}
}

func query(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

const jsonType = "application/json"

// kinds are the sorts of requests that an API gets.
var kinds = []func(r *rand.Rand) request{
	func(r *rand.Rand) request {
		return request{method: "GET", target: fmt.Sprintf("/v1/orders?page=%d&size=50&sort=-created_at", r.IntN(100))}
	},
	func(r *rand.Rand) request {
		return request{method: "GET", target: "/v1/orders/" + uuid(r) + "?expand=items,customer&fields=id,total"}
	},
	func(r *rand.Rand) request {
		return request{method: "POST", target: "/v1/orders", contentType: jsonType, body: document(order(r))}
	},
	func(r *rand.Rand) request {
		return request{method: "PUT", target: "/v1/orders/" + uuid(r), contentType: "application/json; charset=utf-8", body: document(order(r))}
	},
	func(r *rand.Rand) request {
		return request{method: "PATCH", target: "/v1/customers/" + fmt.Sprint(r.IntN(1e6)), contentType: "application/merge-patch+json",
			body: document(map[string]any{"name": one(r, people), "phone": "+49 30 " + fmt.Sprint(r.IntN(1e7)), "newsletter": true})}
	},
	func(r *rand.Rand) request {
		return request{method: "DELETE", target: "/v1/orders/" + uuid(r)}
	},
	func(r *rand.Rand) request {
		return request{method: "GET", target: "/v1/search?" + query("q", one(r, notes), "lang", "en", "limit", "20")}
	},
	func(r *rand.Rand) request {
		return request{method: "GET", target: "/v1/events?" + query("since", date(r), "until", date(r), "type", "order.created", "type", "order.paid")}
	},
	func(r *rand.Rand) request {
		return request{method: "POST", target: "/contact", contentType: "application/x-www-form-urlencoded",
			body: query("name", one(r, people), "email", one(r, mails), "message", one(r, notes))}
	},
	func(r *rand.Rand) request {
		return request{method: "POST", target: "/v1/graphql", contentType: jsonType, body: document(map[string]any{
			"query": "query Order($id: ID!) { order(id: $id) { id total items { sku quantity } } }", "variables": map[string]any{"id": uuid(r)}, "operationName": "Order"})}
	},
	upload,
	func(r *rand.Rand) request {
		batch := []any{}
		for range 1 + r.IntN(4) {
			batch = append(batch, map[string]any{"event": "page_view", "ts": r.IntN(1e9), "path": "/shop/" + one(r, []string{"shoes", "hats"}), "props": map[string]any{"w": 1280, "dark": true}})
		}
		return request{method: "POST", target: "/v1/track", contentType: jsonType, body: document(batch)}
	},
	func(r *rand.Rand) request {
		return request{method: "HEAD", target: "/assets/" + hex(r, 8) + ".css"}
	},
	func(r *rand.Rand) request {
		return request{method: "OPTIONS", target: "/v1/orders", fields: []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,authorization"}}
	},
	func(r *rand.Rand) request {
		return request{method: "POST", target: "/oauth/token", contentType: "application/x-www-form-urlencoded",
			body: query("grant_type", "authorization_code", "code", hex(r, 40), "redirect_uri", "https://app.example.com/callback", "client_id", "web")}
	},
	func(r *rand.Rand) request {
		return request{method: "POST", target: "/v1/login", contentType: jsonType, body: document(map[string]any{"username": one(r, mails), "password": "Tr0ub4dor&3-" + hex(r, 6)})}
	},
	func(r *rand.Rand) request {
		return request{method: "GET", target: "/v1/geo?" + query("bbox", "13.08,52.33,13.76,52.67", "near", "52.52,13.405", "radius", "1500")}
	},
	func(r *rand.Rand) request {
		return request{method: "PATCH", target: "/v1/orders/" + uuid(r), contentType: "application/json-patch+json",
			body: document([]any{map[string]any{"op": "replace", "path": "/status", "value": "paid"}, map[string]any{"op": "add", "path": "/tags/-", "value": "vip"}})}
	},
	func(r *rand.Rand) request {
		return request{method: "POST", target: "/v1/avatars", contentType: jsonType, body: document(map[string]any{"image": base64.StdEncoding.EncodeToString([]byte(hex(r, 600))), "format": "png"})}
	},
	func(r *rand.Rand) request {
		return request{method: "POST", target: "/v1/invoices", contentType: "application/xml",
			body: `<?xml version="1.0" encoding="UTF-8"?><invoice id="` + hex(r, 6) + `"><customer>Anna Müller</customer><total currency="EUR">19.99</total></invoice>`}
	},
}

func upload(r *rand.Rand) request {
	const boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
	var b strings.Builder
	part := func(head, body string) {
		b.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + body + "\r\n")
	}
	part(`name="title"`, one(r, people))
	part(`name="description"`, one(r, notes))
	part(`name="file"; filename="report-`+hex(r, 4)+`.pdf"`+"\r\nContent-Type: application/pdf", "%PDF-1.7\n"+hex(r, 200))
	b.WriteString("--" + boundary + "--\r\n")
	return request{method: "POST", target: "/v1/documents", contentType: "multipart/form-data; boundary=" + boundary, body: b.String()}
}
