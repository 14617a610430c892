# `make demo` shows the main job on this machine, `make test` checks everything, `make bench` measures beside LXD and etcd.

# Debian packages that the daemon, its tests and its build use at run time.
PACKAGES := gcc libc6-dev iproute2 dnsmasq-base nftables btrfs-progs ca-certificates libxml2-utils

# A shell that has not been restarted since rustup ran does not know cargo; one that is not root's does not know `ip`.
export PATH := $(HOME)/.cargo/bin:$(PATH):/usr/sbin:/sbin

.PHONY: demo test bench packages toolchain

demo: packages toolchain
	cargo build --release
	./target/release/seedbed sandbox examples/three-members.yaml

test: packages toolchain
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo test

# Takes about half an hour. ROUNDS, ONLY, IDLE and QUICK are the knobs: see tests/bench/run.
bench: packages toolchain
	tests/bench/run

packages:
	@command -v dpkg-query >/dev/null || { echo "Not a Debian system: see to it that these are there: $(PACKAGES)"; exit 0; }; \
	missing=$$(for package in $(PACKAGES); do \
	    dpkg-query -W -f='$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || printf ' %s' $$package; \
	done); \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" != 0 ]; then \
	    echo "Missing packages:$$missing. Without them only --host fake works. To install: sudo apt-get install$$missing"; \
	    exit 0; \
	fi; \
	echo "Installing with apt-get:$$missing"; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing

# rustup's minimal profile comes without the formatter and the linter.
toolchain:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs and run make again"; exit 1; }
	@cargo fmt --version >/dev/null 2>&1 || { echo "Installing rustfmt with rustup"; rustup component add rustfmt; }
	@cargo clippy --version >/dev/null 2>&1 || { echo "Installing clippy with rustup"; rustup component add clippy; }
