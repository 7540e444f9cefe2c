# Set-up, build and tests of Fanfare on Debian and Ubuntu. `make` alone lists what there is.
#
# One configuration serves binary and tests: release keeps overflow and bounds traps and our invariants, and tests use
# package access, so nothing is compiled twice.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help deps browsers build test simulate crash demo run bench microbench peers format fuzz lint clean

BINARY := .build/release/fanfare
VENV := .build-venv
PACKAGES := liburing-dev libsimdjson-dev libc-ares-dev libnghttp2-dev libssl-dev libzstd-dev zlib1g-dev \
	make curl openssl ca-certificates python3 python3-venv
SWIFT_FILES = find $(wildcard Sources Tests Benchmarks) -name '.build*' -prune -o -name '*.swift' -print0

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | while IFS=$$'\t' read -r name text; do
	  printf '  make %-10s %s\n' "$$name" "$$text"
	done

deps: ## install what is missing (Debian, Ubuntu)
	@command -v swift >/dev/null || { echo 'make: no Swift toolchain in PATH: install Swift 6.2 or newer from swift.org' >&2; exit 69; }
	missing=()
	for package in $(PACKAGES); do
	  dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$$package")
	done
	[ -d /usr/include/c++ ] || missing+=(g++) # the C++ standard library's headers, for simdjson
	[ $${#missing[@]} -eq 0 ] && exit 0
	if ! command -v apt-get >/dev/null; then
	  echo "make: this is not Debian or Ubuntu (no apt-get). Fanfare needs the equivalents of: $${missing[*]}" >&2
	  exit 69
	fi
	as_root=()
	if [ "$$(id -u)" -ne 0 ]; then
	  command -v sudo >/dev/null || { echo "make: as root, run: apt-get install $${missing[*]}" >&2; exit 77; }
	  as_root=(sudo)
	fi
	echo "installing $${missing[*]}"
	log=$$(mktemp)
	if ! { "$${as_root[@]}" apt-get update -qq && "$${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends "$${missing[@]}"; } >"$$log" 2>&1; then
	  cat "$$log" >&2
	  rm -f "$$log"
	  exit 69
	fi
	rm -f "$$log"

build: deps ## build the binary, .build/release/fanfare
	@swift build -c release --product fanfare

run: build ## serve for development on 127.0.0.1:8080 until stopped
	@exec $(BINARY) serve --development

demo: build ## start a service and subscribers of every kind, publish, show what arrived
	@exec $(BINARY) demo

# The tests that use Python packages are skipped, and say so, where these cannot be had.
$(VENV)/complete: Tests/blackbox/requirements.txt
	@python3 -m venv $(VENV)
	if $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --retries 1 --timeout 20 -r $<; then
	  touch $@
	else
	  echo 'make: Python packages could not be installed; the tests that use them will be skipped' >&2
	fi

browsers: ## install what the tests with a real browser need
	@$(MAKE) --no-print-directory deps PACKAGES='chromium libnss3-tools' ||
	  echo 'make: chromium could not be installed; the tests with a browser will be skipped' >&2

test: deps browsers $(VENV)/complete ## run every test and the linter
	@swift build -c release --build-tests
	swift=0 blackbox=0 lint=0
	log=$$(mktemp -d)
	trap 'rm -rf "$$log"' EXIT
	export SWIFT_DETERMINISTIC_HASHING=1
	export COMMIT=$$(git rev-parse HEAD 2>/dev/null || echo 0)
	swift test -c release --skip-build --disable-xctest 2>&1 | tee "$$log/swift" || swift=1
	python=$(VENV)/bin/python; [ -x "$$python" ] || python=python3
	FANFARE="$${FANFARE:-$$PWD/$(BINARY)}" "$$python" Tests/blackbox/run.py 2>&1 | tee "$$log/blackbox" || blackbox=1
	$(MAKE) --no-print-directory lint 2>&1 | tee "$$log/lint" || lint=1
	verdict() { [ "$$1" -eq 0 ] && echo passed || echo FAILED; }
	echo
	echo "swift tests      $$(verdict $$swift): $$(grep -aE 'Test run with' "$$log/swift" | tail -n 1 || echo 'no closing line')"
	echo "black-box tests  $$(verdict $$blackbox): $$(tail -n 1 "$$log/blackbox")"
	echo "lint             $$(verdict $$lint)"
	[ $$((swift + blackbox + lint)) -eq 0 ]

ONLY ?=
bench: build ## measure every table of docs/BENCHMARKS.md (needs a quiet machine, and hours): ONLY="idle peers" for some
	@swift build -c release --product logbench
	ONLY="$(ONLY)" Benchmarks/all.sh

# Its `benchmark` command ends with 0 when a benchmark has failed by its own judgement, so what it printed is looked at.
microbench: deps ## measure each stage by itself and fail when one allocates or executes more than it may; ONLY=Deliver
	@$(MAKE) --no-print-directory deps PACKAGES=valgrind || echo 'make: valgrind could not be installed' >&2
	log=$$(mktemp)
	trap 'rm -f "$$log"' EXIT
	FANFARE_MICROBENCH=1 swift package --scratch-path .build-microbench benchmark --target microbench --no-progress \
	  --grouping metric $(if $(ONLY),--filter '$(ONLY).*') 2>&1 | tee "$$log"
	if grep -aq ' allocations in 1,000 operations: at most ' "$$log"; then
	  echo 'make: a stage allocates more than it may, see above and Benchmarks/micro' >&2
	  exit 1
	fi
	code=0; Benchmarks/instructions.py || code=$$?
	[ $$code -ne 1 ] || echo 'make: a stage executes more instructions than it may, see above and Benchmarks/micro' >&2
	[ $$code -eq 0 ] || [ $$code -eq 69 ]

PEERS := gcc libc6-dev nginx libnginx-mod-nchan nats-server mosquitto redis-server
PEER_OPTIONS ?=
peers: build ## the same load on nginx with nchan, NATS, mosquitto and redis, which it installs: PEER_OPTIONS=--rounds=3
	@$(MAKE) --no-print-directory deps PACKAGES='$(PEERS)' ||
	  echo 'make: not all peers could be installed; the rows of those will say so' >&2
	Benchmarks/peers/run.py $(PEER_OPTIONS)

SEEDS ?= 1000
FIRST ?= 1
simulate: deps ## run the real shards on a simulated machine: SEEDS=N runs, from seed FIRST on
	@swift build -c release --build-tests
	SWIFT_DETERMINISTIC_HASHING=1 SEEDS=$(SEEDS) FIRST=$(FIRST) \
	  swift test -c release --skip-build --disable-xctest --filter SimulationTests

ROUNDS ?=
SEED ?=
crash: build ## kill the real binary under load and reconcile: ROUNDS=N rounds (60), from seed SEED on (1)
	@FANFARE="$${FANFARE:-$$PWD/$(BINARY)}" python3 Tests/crash/crash.py --rounds $(or $(ROUNDS),60) --seed $(or $(SEED),1)

FUZZ_SECONDS ?= 30
fuzz: deps ## change good inputs at random and feed them to every decoder: FUZZ_SECONDS each; ONLY=, SEED=, ROUNDS=
	@swift build -c release --build-tests
	seed=$(SEED); [ -n "$$seed" ] || seed=$$(date +%s)
	export FUZZ_SEED=$$seed
	[ -z "$(ONLY)" ] || export FUZZ_ONLY=$(ONLY)
	if [ -n "$(ROUNDS)" ]; then export FUZZ_ROUNDS=$(ROUNDS); else export FUZZ_SECONDS=$(FUZZ_SECONDS); fi
	SWIFT_DETERMINISTIC_HASHING=1 swift test -c release --skip-build --disable-xctest --filter FuzzTests

lint: ## check the formatting
	@$(SWIFT_FILES) | xargs -0 swift format lint --strict --parallel

format: ## format the sources
	@$(SWIFT_FILES) | xargs -0 swift format --in-place --parallel

clean: ## remove what was built
	@rm -rf .build .build-microbench $(VENV) Benchmarks/.build
