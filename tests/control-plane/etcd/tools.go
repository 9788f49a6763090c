//go:build tools

// Package tools pins what scripts/control-plane builds.
package tools

import _ "go.etcd.io/etcd/server/v3"
