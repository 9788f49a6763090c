//go:build tools

// Package tools pins what scripts/control-plane builds.
package tools

import _ "helm.sh/helm/v4/cmd/helm"
