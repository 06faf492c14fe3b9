# A thin door to Meson. `make run` and `make check` install the Debian packages that they need.

BUILD     ?= build
DEMO      ?= demo
OFFSET    ?= 2000
DESTDIR   ?=
PREFIX    ?= /usr/local
PYTHON    := /usr/bin/python3
NINJA     := ninja

.PHONY: help run check build lint format fuzz soak bench thunderbird install clean packages test-packages

help:
	@sed -n 's/^## //p' Makefile

## make run      install packages, build, make ./demo with two accounts, serve in the foreground
run: packages build
	@scripts/demo $(BUILD)/veredus $(DEMO) $(OFFSET)

## make check    install packages, build, lint, run all tests; counts what passed and failed
check: test-packages
	@scripts/check

## make build    build/veredus
build: $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD) --quiet

$(BUILD)/build.ninja:
	@meson setup $(BUILD) --prefix=$(PREFIX) >/dev/null

## make lint     formatting, static analysis, layers, size budgets
lint: $(BUILD)/build.ninja
	@scripts/lint $(BUILD)

## make format   clang-format all sources in place
format:
	@clang-format -i $$(git ls-files '*.c' '*.h')

## make fuzz     each fuzz target for SECONDS (default 600)
fuzz: test-packages
	@scripts/fuzz-run $(or $(SECONDS),600)

## make soak     crash tests, a dead host and random IMAP sessions without end (interrupt it)
soak: test-packages
	@scripts/soak

## make bench    idle sessions, round trips, the store against its yardstick, signatures
bench: packages build
	@scripts/bench $(BUILD)

## make thunderbird   a session of Thunderbird itself (300 MB of packages, so it is not in make check)
thunderbird: test-packages build
	@command -v thunderbird >/dev/null || apt-get install -y --no-install-recommends thunderbird
	@VEREDUS=$(BUILD)/veredus $(PYTHON) -m pytest -q tests/test_thunderbird.py

## make install  into $(DESTDIR)$(PREFIX): the program, its man pages, a systemd unit
install: $(BUILD)/build.ninja
	@grep -q '"name": "prefix", "value": "$(PREFIX)"' $(BUILD)/meson-info/intro-buildoptions.json || \
		meson configure $(BUILD) -Dprefix=$(PREFIX)
	@$(NINJA) -C $(BUILD) --quiet
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild --quiet

clean:
	@rm -rf $(BUILD) build-*

packages:
	@scripts/packages build

test-packages:
	@scripts/packages build test
