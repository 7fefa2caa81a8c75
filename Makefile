# Each target sets up what it needs and can be run again after an interruption.
# What cargo installs is found even where the shell does not know its folder.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

.PHONY: serve test check bench dist fuzz peers clean

# Serves the page at http://127.0.0.1:8080 and rebuilds it when a file changes.
serve:
	.ci/setup.sh rust trunk
	trunk serve --offline

# Every test; continuous integration runs this, then `make peers`.
test:
	.ci/setup.sh rust trunk node npm chromium firefox vulkan deny
	$(MAKE) --no-print-directory check
	.ci/test.sh

# Fast: format, lints natively and for wasm32, unit tests.
check:
	.ci/setup.sh rust
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --no-default-features -- -D warnings
	cargo clippy --locked --no-default-features --features app,lm_worker --target wasm32-unknown-unknown -- -D warnings
	cargo test --locked --quiet --lib --features app

# The page as it is hosted, in dist/.
dist:
	.ci/setup.sh rust trunk node npm
	.ci/dist.sh

# Speed, natively and in Chromium, beside the peers; rewrites the table in benches/README.md.
bench: dist
	.ci/setup.sh chromium vulkan python
	node benches/run.mjs

# What compares us with other programs: the exported scripts run by PyTorch, golden minimisers made anew in 50 digits and
# trajectories by PyTorch and JavaScript, and the speed of all.
peers:
	.ci/setup.sh rust node python
	bash benches/peers/scripts.sh
	bash benches/peers/run.sh

# A minute of fuzzing for each parser.
fuzz:
	.ci/setup.sh fuzz
	for target in spec_json spec_url safetensors tokenizer preferences config; do cargo +nightly fuzz run $$target -- -max_total_time=60 || exit 1; done

clean:
	cargo clean
	rm -rf dist tests/browser/node_modules
