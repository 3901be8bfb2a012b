// Package tally counts what keys have used within an hour, a day or a month, against a limit.
//
// http7/policy/quota asks a [Book] about every request whose quota is this node's own; internal/shared has those that
// several nodes have in common. The package knows no exchange and no config.
package tally

import "time"

// Per is the length of a period. Periods are those of the calendar in UTC.
type Per uint8

// The lengths.
const (
	Hour Per = iota
	Day
	Month
)

// MostLimit is the largest quota.
const MostLimit = 1 << 60

var perNames = [...]string{"hour", "day", "month"}

// String returns the word of configs.
func (p Per) String() string { return perNames[p] }

// ParsePer returns the length of that name.
func ParsePer(name string) (p Per, ok bool) {
	for i, n := range perNames {
		if n == name {
			return Per(i), true
		}
	}
	return 0, false
}

// Period returns when the period in which t lies begins and ends. Both are whole seconds.
func (p Per) Period(t time.Time) (begins, ends time.Time) {
	t = t.UTC()
	y, m, d := t.Date()
	switch p {
	case Hour:
		begins = time.Date(y, m, d, t.Hour(), 0, 0, 0, time.UTC)
		return begins, begins.Add(time.Hour)
	case Day:
		begins = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		return begins, begins.AddDate(0, 0, 1)
	}
	begins = time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	return begins, begins.AddDate(0, 1, 0)
}
