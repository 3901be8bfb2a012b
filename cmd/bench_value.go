package cmd

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// rateValue is a flag in requests a second; 0 is none.
type rateValue float64

// Set reads "2000", "0.5", "2000/s" and "30/m".
func (r *rateValue) Set(text string) error {
	number, per, ok := strings.Cut(text, "/")
	divisor, known := map[string]float64{"s": 1, "m": 60}[per]
	if !ok {
		divisor, known = 1, true
	}
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || !(x > 0) || math.IsInf(x, 0) {
		return errors.New("want requests a second, more than 0, such as 2000, 0.5 or 30/m")
	}
	*r = rateValue(x / divisor)
	return nil
}

// String writes what Set reads.
func (r *rateValue) String() string { return strconv.FormatFloat(float64(*r), 'f', -1, 64) }

// Type is what the help calls the value.
func (r *rateValue) Type() string { return "rate" }

// percentValue is a flag in percent, from 0 to below 100.
type percentValue float64

// Set reads "5", "2.5" and "5%".
func (p *percentValue) Set(text string) error {
	x, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(x >= 0 && x < 100) {
		return errors.New("want percent from 0 to below 100, such as 5 or 2.5")
	}
	*p = percentValue(x)
	return nil
}

// String writes what Set reads.
func (p *percentValue) String() string { return fmt.Sprintf("%g", float64(*p)) }

// Type is what the help calls the value.
func (p *percentValue) Type() string { return "percent" }
