// Command weir is the load balancer and API gateway; see package cmd.
package main

import (
	"os"

	"weir/cmd"
)

func main() { os.Exit(cmd.Main(os.Args)) }
