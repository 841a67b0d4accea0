# evenkeel. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help install build check test test-unit test-lab mutants demo bench soak soak-daemon lab lab-down format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Packages are installed anew only when the lock file has changed.
node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

install: node_modules/.package-lock.json ## install the npm packages

build: install ## bundle the program into dist/
	node hack/build.mjs

check: install ## types, lint, format, stale generated code, dead exports
	npx tsc -p .
	npx oxlint --type-aware --deny-warnings src test
	npx biome format .
	node hack/generate.mjs --check
	npx knip

test-unit: ## everything that needs neither root nor a lab, in under a minute
	hack/preflight --unit
	$(MAKE) check
	npm test -- test/unit

test: ## everything: checks, unit tests, and the lab on real parts (root; installs Debian packages)
	hack/preflight
	hack/lab packages
	$(MAKE) check build
	npm test

test-lab: install build ## the lab tests alone; ONLY=name picks one file
	npm test -- test/lab/$(ONLY)

mutants: install ## take each safety guard away in a copy: does a test notice? GUARD=name for one
	node hack/mutants.mjs

demo: ## two tenants on two real hypervisors, from nothing to gone (root); VM=1: virtual machines; KEEP=1 leaves them up
	hack/preflight
	hack/lab packages
	$(MAKE) --no-print-directory build
	hack/demo

bench: install ## speed as ratios against floors, in one run (root)
	hack/preflight
	hack/lab packages
	hack/bench

soak: install ## every fault at every step on simulated hypervisors, then pairs of faults; SEED, MINUTES, PAIRS=1
	hack/soak

soak-daemon: ## an hour of the daemon with 100 replicas: does its memory grow? (root); MINUTES, REPLICAS
	hack/preflight
	hack/lab packages
	$(MAKE) --no-print-directory build
	hack/soak-daemon

lab: ## bring the lab up: two hypervisors out of namespaces (root)
	hack/lab up

lab-down: ## take it down again
	hack/lab down

format: install ## format the sources
	npx biome format --write .

clean: ## remove what was built
	rm -rf dist coverage
