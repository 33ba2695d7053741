//go:build tools

// Package tools pins the KServe controller for the local cluster.
package tools

import _ "github.com/kserve/kserve/cmd/manager"
