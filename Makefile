# Each target sets up what it needs and can be run again after an interruption.
.PHONY: serve test check bench dist fuzz peers clean

# Serves the page at http://127.0.0.1:8080 and rebuilds it when a file changes.
serve:
	.ci/setup.sh rust trunk
	trunk serve --offline

# Everything that continuous integration runs.
test:
	.ci/setup.sh rust trunk npm chromium deny
	$(MAKE) --no-print-directory check
	.ci/test.sh

# Fast: format, lints natively and for wasm32.
check:
	.ci/setup.sh rust
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --no-default-features -- -D warnings
	cargo clippy --locked --no-default-features --features app --target wasm32-unknown-unknown -- -D warnings

# The page as it is hosted, in dist/.
dist:
	.ci/setup.sh rust trunk npm
	.ci/dist.sh

# Speed, natively and in Chromium, beside the peers; rewrites the table in benches/README.md.
bench: dist
	.ci/setup.sh chromium
	node benches/run.mjs

# What compares us with other programs: trajectories made anew by PyTorch and JavaScript, and their speed.
peers:
	bash benches/peers/run.sh

# A minute of fuzzing for each parser; needs a nightly toolchain.
fuzz:
	.ci/setup.sh fuzz
	for target in spec_json spec_url; do cargo +nightly fuzz run $$target -- -max_total_time=60 || exit 1; done

clean:
	cargo clean
	rm -rf dist tests/browser/node_modules
