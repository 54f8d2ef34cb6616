# SPDX-License-Identifier: Apache-2.0
# A thin door to CMakePresets.json and tools/. `make help` lists what there is.
.DEFAULT_GOAL := build
JOBS ?= $(shell nproc)
PRESET ?= release
BUILD := build/$(PRESET)

.PHONY: build
build: setup ## build butterflyd and butterfly (build/release)
	@cmake --preset $(PRESET) --log-level=WARNING >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS) --target butterflyd butterfly

.PHONY: deb
deb: build ## a Debian package of it, build/release/butterfly_*.deb
	@tools/deb $(BUILD)

.PHONY: demo
demo: build ## two hosts, four real guests: see it work (root); KEEP=1 leaves the lab up
	@python3 tests/vm/demo.py --build-dir $(BUILD)

.PHONY: test
test: setup ## everything that CI runs: lint, unit, scenario, sanitizers, VMs (root)
	@tools/test all

.PHONY: check
check: ## quick: format, lint, unit and scenario tests; no root, no VMs
	@tools/test check

.PHONY: bench
bench: setup ## cycles and instructions a packet, in process, one core
	@tools/bench

.PHONY: bench-peers
bench-peers: setup ## beside testpmd, Open vSwitch, the kernel (root); QUICK=1 FULL=1 RESUME=1
	@tools/setup peers
	@cmake --preset $(PRESET) --log-level=WARNING >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS) --target butterflyd butterfly load_generator placement_check
	@tools/bench-peers --build-dir $(BUILD)

.PHONY: bench-guests
bench-guests: setup ## iperf3 between two real guests, beside testpmd and Open vSwitch (root); QUICK=1
	@tools/setup peers
	@cmake --preset $(PRESET) --log-level=WARNING >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS) --target butterflyd butterfly placement_check
	@tools/bench-guests --build-dir $(BUILD)

.PHONY: bench-two-hosts
bench-two-hosts: setup ## the same between two hosts, beside Open vSwitch and the kernel (root); QUICK=1
	@tools/setup peers
	@cmake --preset $(PRESET) --log-level=WARNING >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS) --target butterflyd butterfly placement_check
	@tools/bench-guests --two-hosts --build-dir $(BUILD)

.PHONY: bench-latency
bench-latency: setup ## latency from idle to full load, CPU of an idle daemon (root)
	@cmake --preset $(PRESET) --log-level=WARNING >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS) --target butterflyd butterfly load_generator placement_check \
		wake_check
	@tools/bench-latency --build-dir $(BUILD)

.PHONY: bench-nics
bench-nics: ## 2 to 500 nics, busy and idle (root)
.PHONY: bench-conditions
bench-conditions: ## what a guest keeps beside others that behave badly (root)
bench-nics bench-conditions: setup
	@tools/setup peers
	@cmake --preset $(PRESET) --log-level=WARNING >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS) --target butterflyd butterfly many_guests vhost_copier placement_check
	@tools/$@ --build-dir $(BUILD)

.PHONY: bench-control
bench-control: setup ## how fast changes are in force, what packets notice of them (root)
	@cmake --preset $(PRESET) --log-level=WARNING >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS) --target butterflyd butterfly control_bench api_client placement_check
	@tools/bench-control --build-dir $(BUILD)

.PHONY: fuzz
fuzz: setup ## fuzz the parsers for a bounded time (SECONDS_EACH=60)
	@tools/fuzz

.PHONY: fmt
fmt: ## format the sources in place
	@git ls-files '*.cc' '*.h' | xargs clang-format -i

.PHONY: setup
setup: ## install the Debian packages that are missing (root)
	@tools/setup

.PHONY: clean
clean: ## remove build/
	rm -rf build

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | \
		awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'
