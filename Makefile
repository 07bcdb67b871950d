# SPDX-License-Identifier: Apache-2.0
# A short list of verbs over the presets; `make help` lists them.
SHELL := /bin/bash
KERNEL ?= 6.1
CMD ?= uname -a
RUN ?= auto
KEEP ?= 0
# One compiler cache serves every checkout and preset.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
export CCACHE_SLOPPINESS := pch_defines,time_macros
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)
export CTEST_PARALLEL_LEVEL ?= $(shell nproc)

FILTER ?= .
SOAK_SECONDS ?= 600

.PHONY: help setup build dev run test unit unit-tests probe-tests flood churn stress soak asan tsan lint tidy fuzz vm bench clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## install what the build and the tests need (root)
	@tools/setup

build: setup ## the programs, in build/release/bin
	cmake --preset release -DIDTRAIL_TESTS=OFF && cmake --build --preset release

dev: setup
	cmake --preset dev && cmake --build --preset dev

run: setup ## the main job on real containers: RUN=vm|host, KEEP=1 stays up
	@tools/run --where $(RUN) --keep $(KEEP)

test: setup ## everything that CI runs
	@tools/test

unit: dev ## the unit tests alone
	ctest --preset dev -L unit

unit-tests: ## the unit tests whose name matches FILTER, built as far as they need
	cmake --preset dev >/dev/null && cmake --build --preset dev --target unit_tests
	ctest --preset dev -L unit -R '$(FILTER)'

probe-tests: ## the probes' trigger tests that match FILTER, in Debian's kernel KERNEL
	cmake --preset dev >/dev/null && cmake --build --preset dev --target bpf_tests
	tests/vm/run --kernel $(KERNEL) -- "build/dev/bin/tests/bpf_tests --gtest_filter='$(FILTER)'"

flood: dev ## floods of the size that is promised: a million reads, 100 000 execs and connects
	tests/vm/run --kernel $(KERNEL) --timeout 7200 -- "IDTRAIL_FLOOD=full build/dev/bin/tests/bpf_tests --gtest_filter='FloodTest.*'"

churn: dev ## 1000 containers that live for a moment, by real runtimes
	tests/vm/run --kernel $(KERNEL) --timeout 7200 -- "COUNT=1000 BIN=build/dev/bin tests/e2e/churn"

stress: dev ## stress-ng's classes of stressors, one after the other, while the agent runs: hours where emulated
	tests/vm/run --kernel $(KERNEL) --timeout 36000 -- "CLASSES='network filesystem os pipe scheduler security' BIN=build/dev/bin tests/e2e/stress"

soak: dev ## the agent under steady load for SOAK_SECONDS (600): fails on growth and on loss
	tests/vm/run --kernel $(KERNEL) --timeout $$(( $(SOAK_SECONDS) + 900 )) -- "DURATION=$(SOAK_SECONDS) BIN=build/dev/bin tests/e2e/soak"

asan tsan: setup ## the unit tests under ASan+UBSan or TSan
	cmake --preset $@ && cmake --build --preset $@ && ctest --preset $@

lint: dev ## formatting, forbidden includes, licences
	@tools/lint

tidy: dev ## lint, and clang-tidy over every source: minutes
	@tools/lint --tidy

fuzz: setup ## every fuzz target for FUZZ_SECONDS (60) each
	@tools/fuzz

vm: setup ## run CMD in Debian's kernel KERNEL=5.10|6.1|6.12|7.x
	@tests/vm/run --kernel $(KERNEL) -- "$(CMD)"

bench: setup ## budgets: writes out/bench/results.json
	@tools/bench

clean: ## remove build/ and out/
	rm -rf build out
