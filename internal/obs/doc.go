// Package obs is what Weir says about itself: the metric catalogue, the access log and the
// process log.
//
// The gateway makes one [Catalogue] and hands series to whoever is compiled into a snapshot; the
// engines count on those series and write one [Record] per exchange to the [AccessLog]; the admin
// server writes the catalogue out. obs is a leaf: it knows no HTTP, no endpoint and no config file,
// only names and numbers. It is the only importer of VictoriaMetrics/metrics.
package obs
