# Two commands matter: make run, make test. All they need is Python 3.11 or newer with venv.
PYTHON ?= python3
PORT ?= 8000
ifeq ($(strip $(PORT)),)
override PORT := 8000
endif
BIN := .venv/bin
# pip of the machine fills .venv from outside: to put a pip into it first would take as long as all the rest. A pip
# before 22.3 cannot do that, and some Pythons have none; then .venv gets a pip of its own.
CAN_FILL := -c 'import pip, sys; sys.exit([int(part) for part in pip.__version__.split(".")[:2]] < [22, 3])' 2>/dev/null
PIP := $$(test -e $(BIN)/pip && echo $(BIN)/python -m pip || echo $(PYTHON) -m pip --python $(BIN)/python)
# pip reads long lists of files, one package after the other: two of it share the work. SQLAlchemy has by far the longest
# list, so the one that gets it gets only every third of the others.
INSTALL := $(PIP) install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes --requirement
define install
@parts=$$(mktemp -d); trap 'rm -rf "$$parts"' EXIT; status=0; \
	awk -v parts="$$parts" '/^[a-z]/ {part = /^sqlalchemy=/ || ++n % 3 == 0} {print > (parts "/" part + 0)}' $(1); \
	$(INSTALL) "$$parts/0" & $(INSTALL) "$$parts/1" || status=1; wait $$! || status=1; exit $$status
endef
# Tests start many processes, and each would compile anew where PYTHONDONTWRITEBYTECODE is set.
COMPILE_ALL := $(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null || true
COMPILE := pip-compile --quiet --no-header --no-strip-extras --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

MONO := mono-mcs mono-runtime libmono-system-net-http4.0-cil libmono-system-net-http-formatting4.0-cil \
	libmono-system-runtime-serialization4.0-cil

BENCH_PACKAGES := wrk mono-mcs mono-runtime libmono-system-web-http4.0-cil libmono-system-net-http4.0-cil \
	libmono-system-runtime-serialization4.0-cil

JQUERY := /usr/share/javascript/jquery/jquery.min.js
AXE := tests/browser/node_modules/axe-core/axe.min.js

ATTACKS := xml_names bodies headers refused_bodies reloads timing

KILLS ?= 1000
ROUNDS ?= 10
PAIRS ?= 1000
SECONDS ?= 1800
ENGINE ?= all
REQUESTS ?= 200000
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help run test settings-pages screenshots test-dotnet test-nginx test-browser test-openapi check-deploy mono-packages attack fuzz nightly chaos chaos-failpoints chaos-controls test-ha test-patroni outage soak bench bench-codec bench-http bench-cancels bench-ledger bench-growth bench-commands bench-sinks bench-writers bench-audit bench-capacity bench-feed check lint types imports coverage lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

# What it imports for the first time is compiled and kept, so that the next start is faster.
run: .venv/run.stamp ## serve demo orders on http://127.0.0.1:8000 (PORT=8001 for another port)
	@exec env -u PYTHONDONTWRITEBYTECODE $(BIN)/flask --app app quickstart --port $(PORT)

test: .venv/dev.stamp ## run every test that needs no system package
	$(BIN)/python -m pytest --cov --ignore=tests/interop --ignore=tests/browser --ignore=tests/nginx --numprocesses=4 --dist=loadfile

test-openapi: .venv/openapi.stamp ## requests and classes that other tools make from /openapi.json and /xsd/ are taken
	$(BIN)/python -m pytest tests/interop/generated

test-dotnet: .venv/dev.stamp ## a real .NET client (Mono, from apt) against a real gunicorn
	@for command in mcs mono; do command -v $$command >/dev/null || \
		{ echo "There is no $$command; on Debian: apt install $(MONO)" >&2; exit 1; }; done
	$(BIN)/python -m pytest tests/interop/dotnet

test-nginx: .venv/dev.stamp ## the site of deploy/nginx, as shipped, in Debian's nginx before real nodes (ROUNDS=2 PAIRS=160)
	@PATH=$$PATH:/usr/sbin; for command in nginx openssl; do command -v $$command >/dev/null || \
		{ echo "There is no $$command; on Debian: apt install nginx-light openssl" >&2; exit 1; }; done
	@for command in mcs mono; do command -v $$command >/dev/null || \
		{ echo "There is no $$command; on Debian: apt install $(MONO)" >&2; exit 1; }; done
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile tests/nginx
	$(BIN)/python -m tests.nginx.crowds
	$(BIN)/python -m tests.nginx.refused_bodies --pairs $(PAIRS)
	$(BIN)/python -m tests.nginx.restarts --rounds $(ROUNDS)

check-deploy: .venv/dev.stamp ## alert rules, dashboard, systemd units, pgbouncer and the operator's manual, by the tools they are for (from apt)
	@PATH=$$PATH:/usr/sbin; for command in promtool systemd-analyze nginx pgbouncer openssl sqlite3 curl; do command -v $$command >/dev/null || \
		{ echo "There is no $$command; on Debian: apt install prometheus systemd nginx-light pgbouncer openssl sqlite3 curl" >&2; exit 1; }; done
	$(BIN)/python -m pytest tests/interop/promtool tests/interop/systemd tests/interop/manual tests/interop/pgbouncer

test-browser: .venv/dev.stamp $(AXE) ## help pages, with axe-core (from npm), and pages of another origin in a real Chromium (from apt)
	@command -v chromium >/dev/null && test -e $(JQUERY) || \
		{ echo "There is no chromium or no $(JQUERY); on Debian: apt install chromium libjs-jquery" >&2; exit 1; }
	$(BIN)/python -m pytest tests/browser

screenshots: .venv/dev.stamp ## write docs/images anew, as the help pages look in Chromium (with a font for Chinese)
	$(BIN)/python -m tests.browser.screenshots

mono-packages:
	@echo $(MONO)

chaos: .venv/dev.stamp ## kill -9 workers under load: nothing lost, nothing twice (KILLS=1000 SECONDS=60 ENGINE=sqlite)
	$(BIN)/python -m tests.chaos.kill --kills $(KILLS) --seconds $(SECONDS) --engine $(ENGINE)

chaos-failpoints: .venv/dev.stamp ## a worker dies at every statement, COMMIT and answer, on both engines
	$(BIN)/python -m tests.chaos.sweep --engine $(ENGINE)

chaos-controls: .venv/dev.stamp ## with a safeguard taken away, the programs must see the fault
	$(BIN)/python -m tests.chaos.controls

test-ha: .venv/dev.stamp ## the primary is killed ten times, a standby stops: nothing acknowledged may be lost (ROUNDS=3)
	$(BIN)/python -m tests.chaos.failover --rounds $(ROUNDS)

test-patroni: .venv/dev.stamp ## Patroni (from apt) on three nodes: five leaders killed, a switchover, two leaders; nothing may be lost
	@for command in patroni patronictl etcd /usr/lib/postgresql/*/bin/pg_rewind; do command -v $$command >/dev/null || \
		{ echo "There is no $$command; on Debian: apt install patroni etcd-server postgresql" >&2; exit 1; }; done
	$(BIN)/python -m tests.patroni.failover

outage: .venv/dev.stamp ## the database stops, freezes or falls silent, or a lock stays, at 50 requests a second: each figure and its goal
	$(BIN)/python -m tests.chaos.outage

soak: SECONDS = 600
soak: .venv/dev.stamp ## ten minutes of mixed traffic through nginx with a fault every 30 s: nothing adds up (SECONDS=90)
	$(BIN)/python -m tests.chaos.soak --seconds $(SECONDS)

attack: .venv/dev.stamp ## hostile names, bodies, headers, refused bodies (nginx), reloads, timing: each figure and its goal
	@missed=; for program in $(ATTACKS); do \
		echo "== $$program"; $(BIN)/python -m tests.attack.$$program || missed="$$missed $$program"; \
	done; test -z "$$missed" || { echo "Missed goals:$$missed" >&2; exit 1; }

fuzz: .venv/dev.stamp ## damaged and signed requests by the thousand: no promise of the service is broken (REQUESTS=20000 SEED=7)
	$(BIN)/python -m tests.fuzz.requests --requests $(REQUESTS) --seed $(SEED)

nightly: ## the long forms: 1,000 kills an engine, failpoints, controls, failovers, outages, attacks, fuzz, nginx, soak
	$(MAKE) chaos chaos-failpoints chaos-controls test-ha test-patroni outage attack fuzz test-nginx soak

bench: .venv/bench.stamp bench-commands ## codecs, HTTP and cancels beside Flask, FastAPI and Mono: ten minutes, results in benchmarks/results
	$(BIN)/python -m benchmarks

bench-codec: .venv/bench.stamp ## the codecs and the WSGI call against their floors and their peers
	$(BIN)/python -m benchmarks codec

bench-http: .venv/bench.stamp bench-commands ## requests without a database over HTTP, beside Flask, FastAPI and Mono
	$(BIN)/python -m benchmarks http

bench-cancels: .venv/bench.stamp bench-commands ## cancels over HTTP on both engines, beside the same statements by hand
	$(BIN)/python -m benchmarks cancels

bench-ledger: .venv/dev.stamp ## the ledger alone, beside the same statements by hand
	$(BIN)/python -m benchmarks.ledger

bench-growth: .venv/bench.stamp bench-commands ## how cost grows with orders, passengers, bytes and workers (OLD=DIR: a checkout of earlier code)
	$(BIN)/python -m benchmarks growth $(if $(OLD),--old $(OLD))

bench-commands:
	@for command in wrk mcs mono; do command -v $$command >/dev/null || \
		{ echo "There is no $$command; on Debian: apt install $(BENCH_PACKAGES)" >&2; exit 1; }; done

bench-sinks: .venv/bench.stamp ## what log lines and metrics cost a request
	$(BIN)/python -m benchmarks.sinks

bench-writers: .venv/run.stamp ## four writers on one SQLite file, with and without the file lock
	$(BIN)/python -m benchmarks.sqlite_writers

bench-feed: .venv/dev.stamp ## the order feed beside earlier code: OLD=DIR, a checkout of that
	$(BIN)/python -m benchmarks.feed --old $(OLD) --engine $(ENGINE)

bench-capacity: .venv/dev.stamp ## what a refund costs: processor time, bytes, memory, on both engines
	$(BIN)/python -m benchmarks.capacity --engine postgres
	$(BIN)/python -m benchmarks.capacity --engine sqlite

bench-audit: .venv/dev.stamp ## the audit of a million orders, before and after VACUUM ANALYZE (ENGINE=postgres)
	$(BIN)/python -m benchmarks.audit --engine $(ENGINE)

check: lint types imports ## lint, types and the directions of the imports

lint: .venv/dev.stamp ## ruff: faults and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/dev.stamp ## mypy, strict
	$(BIN)/mypy

imports: .venv/dev.stamp ## who may import whom
	$(BIN)/python -m pytest --quiet tests/test_architecture.py

coverage: .venv/dev.stamp ## hold the coverage of the last `make test` against its limits
	$(BIN)/coverage report --fail-under=95 --format=total
	$(BIN)/coverage report --fail-under=100 --skip-covered --show-missing \
		--include='xml_contracts/*,refund_api/http/negotiation.py,refund_api/signing/*'

lock: ## write the lock files anew from setup.cfg (versions already locked stay)
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; \
	"$$tools/bin/python" -m pip install --quiet --disable-pip-version-check pip-tools; \
	"$$tools/bin/"$(COMPILE) --extra postgres --output-file requirements.lock setup.cfg; \
	"$$tools/bin/"$(COMPILE) --extra test --extra lint --output-file dev.lock setup.cfg requirements.lock; \
	"$$tools/bin/"$(COMPILE) --extra bench --output-file bench.lock setup.cfg requirements.lock; \
	"$$tools/bin/"$(COMPILE) --extra openapi --output-file openapi.lock setup.cfg dev.lock

settings-pages: .venv/run.stamp ## write .env.example and the table of settings in docs/ anew
	$(BIN)/python -m tests.settings_pages

clean: ## remove what the other targets made, except instance/ (demo database and key)
	rm -rf .venv .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info tests/browser/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/venv.stamp:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "There is no $(PYTHON). Install Python 3.11 or newer, or name one: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is $$($(PYTHON) --version); 3.11 or newer is needed: make run PYTHON=python3.12" >&2; exit 1; }
	@echo "Making a virtual environment in .venv …"
	@$(PYTHON) -m venv $$($(PYTHON) $(CAN_FILL) && echo --without-pip) .venv || \
		{ echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@

.venv/run.stamp: requirements.lock | .venv/venv.stamp
	@echo "Installing what requirements.lock names …"
	$(call install,requirements.lock)
	@touch $@

# dev.lock holds all of requirements.lock, so `make run` after `make test` installs nothing.
.venv/dev.stamp: dev.lock requirements.lock | .venv/venv.stamp
	@echo "Installing what dev.lock names …"
	$(call install,dev.lock)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null  # tests install a wheel
	@$(COMPILE_ALL)
	@touch .venv/run.stamp $@

# npm checks what it installs against the digests of the lock file.
$(AXE): tests/browser/package-lock.json
	@command -v npm >/dev/null || { echo "There is no npm; on Debian: apt install npm" >&2; exit 1; }
	npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund
	@touch $@

# openapi.lock holds all of dev.lock, so `make test` after it installs nothing.
.venv/openapi.stamp: openapi.lock dev.lock requirements.lock | .venv/venv.stamp
	@echo "Installing what openapi.lock names …"
	$(call install,openapi.lock)
	@$(COMPILE_ALL)
	@touch .venv/run.stamp .venv/dev.stamp $@

.venv/bench.stamp: bench.lock requirements.lock | .venv/venv.stamp
	@echo "Installing what bench.lock names …"
	$(call install,bench.lock)
	@$(COMPILE_ALL)
	@touch .venv/run.stamp $@
