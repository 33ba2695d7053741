//go:build tools

// Package tools pins Contour, the Gateway implementation of the local cluster.
package tools

import _ "github.com/projectcontour/contour/cmd/contour"
