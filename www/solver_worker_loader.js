// Starts the solver. Its files are asked for with the version that the page asked for, so that no cache mixes two builds.
const { search } = self.location;
const { default: start } = await import(`./solver_worker.js${search}`);
await start({ module_or_path: `./solver_worker_bg.wasm${search}` });
