# `make fuzz` looks for inputs that break reading and planning.
# `make deny` looks at what the program is built from.
# `make demo` shows the main job on this machine, `make test` checks everything, `make bench` measures beside LXD and etcd.

# Debian packages that the daemon, its tests and its build use at run time.
PACKAGES := gcc g++ libc6-dev iproute2 dnsmasq-base nftables btrfs-progs ca-certificates libxml2-utils faketime \
    e2fsprogs mount xfsprogs

# A shell that has not been restarted since rustup ran does not know cargo; one that is not root's does not know `ip`.
export PATH := $(HOME)/.cargo/bin:$(PATH):/usr/sbin:/sbin

FUZZ_SECONDS ?= 60
FUZZ_TARGETS := parse validate plan

DENY_VERSION := 0.20.2

.PHONY: demo test deny soak chaos oracle bench bench-validate fuzz packages toolchain

# The profile is in Cargo.toml: a release is optimised for much longer, and this is to be shown soon.
demo: packages toolchain
	cargo build --profile demo
	./target/demo/seedbed sandbox examples/three-members.yaml

test: packages toolchain
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo test

# Licences, doubled crates and where crates come from; known holes and crates that nobody keeps, where the database of
# advisories can be had. cargo-deny is built once, without optimising: it runs for a second.
deny: toolchain
	@cargo deny --version 2>/dev/null | grep -qF $(DENY_VERSION) || { \
	    echo "Installing cargo-deny $(DENY_VERSION)"; \
	    cargo install --quiet --locked --debug --force --version $(DENY_VERSION) cargo-deny; \
	}
	cargo deny check licenses bans sources
	@if cargo deny fetch db >/dev/null 2>&1; then \
	    cargo deny check advisories; \
	else \
	    echo "Advisories were not checked: their database could not be fetched."; \
	fi

# The same half hour that `make test` has in 45 seconds, at its real length. SEEDBED_SOAK_SEED=N repeats a run.
SOAK_SECONDS ?= 1800
soak: packages toolchain
	SEEDBED_SOAK_SEED=$${SEEDBED_SOAK_SEED:-$$(date +%s)} SEEDBED_SOAK_SECONDS=$(SOAK_SECONDS) cargo test --test cluster soak -- --nocapture

# The same faults that `make test` has in 45 seconds, for as long as one likes. SEEDBED_CHAOS_SEED=N repeats a run.
CHAOS_SECONDS ?= 1800
chaos: packages toolchain
	SEEDBED_CHAOS_SEED=$${SEEDBED_CHAOS_SEED:-$$(date +%s)} SEEDBED_CHAOS_SECONDS=$(CHAOS_SECONDS) cargo test --test cluster whatever_happens_nothing -- --nocapture

# Asks a real LXD 5.0.2 and Incus 6.0.4, where they are installed, about every key with good and bad values, writes what
# they say into tests/oracle and holds the key table to it. About twenty minutes; SEEDBED_ORACLE=lxd-5.0.2 asks one of them.
oracle: packages toolchain
	cargo test --test oracle -- --ignored record --nocapture
	cargo test --test oracle

# Takes about half an hour. ROUNDS, ONLY, IDLE and QUICK are the knobs: see tests/bench/run.
bench: packages toolchain
	tests/bench/run

# Validation alone, beside check-jsonschema: some minutes, and no root is needed.
bench-validate: packages toolchain
	tests/bench/validate

# New inputs stay in target/fuzz: what broke something belongs into tests/fuzz/corpus. Stable Rust has no sanitizers, but
# the program has no unsafe code in these layers that they could watch.
fuzz: packages toolchain
	@command -v cargo-fuzz >/dev/null || { echo "Installing cargo-fuzz"; cargo install --quiet --locked cargo-fuzz; }
	@for target in $(FUZZ_TARGETS); do \
	    mkdir -p target/fuzz/corpus/$$target && \
	    cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none --target-dir target/fuzz $$target \
	        target/fuzz/corpus/$$target tests/fuzz/corpus/$$target -- -max_total_time=$(FUZZ_SECONDS) \
	        -timeout=10 -rss_limit_mb=1024 -max_len=16384 -dict=tests/fuzz/words.dict -print_final_stats=1 || exit 1; \
	done

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
