package waf

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza-coreruleset/v4"
)

// settings are the variables of the core rule set that a section sets for its requests.
type settings struct{ of []setting }

type setting struct {
	name  string
	value []string
}

// usualTypes are the media types of bodies that need no naming.
var usualTypes = []string{
	"application/x-www-form-urlencoded", "multipart/form-data", "text/xml", "application/xml", "application/soap+xml",
	"application/json", "application/merge-patch+json", "application/json-patch+json", "application/problem+json",
	"application/vnd.api+json", "application/ld+json", "application/hal+json", "application/cloudevents+json", "application/graphql-response+json",
}

func settingsOf(c *Config) settings {
	var types strings.Builder
	for _, t := range slices.Concat(usualTypes, c.ContentTypes) {
		types.WriteString("|" + strings.ToLower(t) + "| ")
	}
	level := []string{strconv.Itoa(c.Paranoia)}
	return settings{[]setting{
		{"blocking_paranoia_level", level},
		{"detection_paranoia_level", level},
		{"inbound_anomaly_score_threshold", []string{strconv.Itoa(c.Threshold)}},
		{"allowed_methods", []string{strings.Join(c.Methods, " ")}},
		{"allowed_request_content_type", []string{strings.TrimSpace(types.String())}},
	}}
}

func (s settings) apply(t transaction) {
	tx := t.Variables().TX()
	for _, v := range s.of {
		tx.Set(v.name, v.value)
	}
}

// exclude compiles what is left out. A number that no rule has is an error: it was meant for another one.
func (p *firewall) exclude(all []Exclusion) error {
	if len(all) == 0 {
		return nil
	}
	known, err := numbers()
	if err != nil {
		return err
	}
	for i := range all {
		if err := p.leaveOut(&all[i], known); err != nil {
			return err
		}
	}
	return nil
}

func (p *firewall) leaveOut(e *Exclusion, known []int) error {
	for _, text := range e.Rules {
		s, err := parseSpan(text)
		if err != nil {
			return errors.New("exclude: " + strconv.Quote(text) + " " + err.Error())
		}
		if !s.anyOf(known) {
			return errors.New("exclude: " + strconv.Quote(text) + " is no rule of the core rule set")
		}
		if e.Target == "" {
			p.left = append(p.left, s)
			continue
		}
		part, err := parseTarget(e.Target)
		if err != nil {
			return errors.New("exclude: " + strconv.Quote(e.Target) + " " + err.Error())
		}
		for _, id := range known {
			if s.from <= id && id <= s.to {
				p.partly = append(p.partly, exemption{id, part})
			}
		}
	}
	return nil
}

// numbers returns the numbers of the core rule set's rules, in order.
func numbers() ([]int, error) {
	const folder = "@owasp_crs"
	files, err := fs.Glob(coreruleset.FS, folder+"/REQUEST-*.conf")
	if err != nil {
		return nil, err
	}
	var known []int
	for _, name := range files {
		text, err := fs.ReadFile(coreruleset.FS, path.Join(folder, path.Base(name)))
		if err != nil {
			return nil, err
		}
		for _, m := range number.FindAllSubmatch(text, -1) {
			id, err := strconv.Atoi(string(m[1]))
			if err != nil {
				return nil, err
			}
			known = append(known, id)
		}
	}
	slices.Sort(known)
	return known, nil
}
