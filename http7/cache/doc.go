// Package cache is the policy that keeps answers of endpoints and answers from them, by RFC 9111.
//
// gateway makes one [Cache] for the process, which outlives reloads, and compiles each section against it; the hall
// runs the step. Package rule knows what HTTP says about storing and using answers, package store keeps the bytes;
// this one composes keys, answers from the store, and sees to it that an answer is fetched once however many ask.
package cache
