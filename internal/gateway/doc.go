// Package gateway turns a config into what runs: it compiles it into a snapshot, publishes that,
// retires the one before, and starts and stops the rooms.
//
// cmd makes one [Gateway] for the process, and tests make their own; the rooms never see it. The
// steps of a start and of a reload are the same:
//
//	Load      text to a checked config                  (internal/config)
//	Compile   config to routes, tables and steps; pure  (`weir check` stops here)
//	Prepare   bind sockets, read certificates, open the log; can fail, and is undone
//	Publish   one pointer, then the sockets' handlers; can't fail
//	Retire    what only the old snapshot had: it stops accepting and drains
//
// The gateway knows every room and no protocol.
package gateway
