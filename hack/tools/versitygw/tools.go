//go:build tools

// Package tools pins the S3 server for the local cluster.
package tools

import _ "github.com/versity/versitygw/cmd/versitygw"
