// Starts the language model. Its files are asked for with the version that the page asked for, so that no cache mixes two builds.
const { search } = self.location;
const { default: start } = await import(`./lm_worker.js${search}`);
await start({ module_or_path: `./lm_worker_bg.wasm${search}` });
