//go:build tools

// Package tools pins Prometheus, which the local cluster runs where it is asked to.
package tools

import _ "github.com/prometheus/prometheus/cmd/prometheus"
