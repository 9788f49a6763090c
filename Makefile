# Thin on purpose: a target is one line of what it does; the work stands in scripts/ and in cargo.
SHELL := bash
.PHONY: run test lint bench crds

cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/realmkeeper
export CARGO_TARGET_DIR ?= $(cache)/target
export npm_config_cache ?= $(cache)/npm

run: ## serves examples/quickstart on http://localhost:8080
	scripts/setup build && cargo run -- serve examples/quickstart

test: ## every test: against a real API server, a real browser, and relying parties in JavaScript and Go
	scripts/setup && scripts/control-plane && scripts/go-peers && npm ci --prefix tests/peers/openid-client && cargo test --no-fail-fast

lint: ## formatting and lints, as CI has them
	scripts/setup build && cargo fmt --check && cargo clippy --all-targets -- -D warnings

bench: ## requests a second beside a bare server, on one core: docs/performance.md says how to read it
	scripts/setup build && cargo bench --bench load

crds: ## writes crds/ and docs/resources.md anew from the Rust types
	scripts/setup build && cargo run --quiet -- crds --output crds && cp crds/*.yaml deploy/crds && REALMKEEPER_WRITE_REFERENCE=1 cargo test --quiet --test provider the_reference
