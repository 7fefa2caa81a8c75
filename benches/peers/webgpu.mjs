// Times matrix products and whole DPO steps of a GPT-2 by TensorFlow.js and jax-js on the browser's WebGPU.
//
// Runs in a page whose import map names both libraries; webgpu.page.mjs makes one. Gradients are the library's own, and so is
// Adam where it has one. Weight decay is 0, so Adam is AdamW.

const QUEUED = 10;
const LAMBDA = 0.1;
// A constant, as if it had been scored before the training.
const REFERENCE = -200;
const ADAM = { rate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
const NORM_EPSILON = 1e-5;

// The losses of a small model's first steps, which torch_lm.py computes in f64 from the same weights.
const KNOWN = {
  model: { layers: 2, heads: 2, width: 32, words: 64, time: 64, texts: 8 },
  losses: [0.8842962, 0.8508145, 0.8181617, 0.7863498, 0.7553877, 0.7252807],
};

const range = (n) => Array.from({ length: n }, (_, i) => i);
const inputs = ({ time, texts }) => ({ rows: texts * time, from: time / 2, scored: (texts * time) / 2 });

/** Token ids and the tensors in GPT-2's names, `[name, shape, values]`, from one seeded xorshift generator. */
function seeded({ layers, width, words, time, texts }) {
  let state = 0x9e3779b1 | 0;
  const unit = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const ids = Int32Array.from({ length: texts * time }, () => Math.floor(unit() * words));
  const block = (layer) => [
    ["ln_1.weight", [width]],
    ["ln_1.bias", [width]],
    ["c_attn.weight", [width, 3 * width]],
    ["c_attn.bias", [3 * width]],
    ["attn_proj.weight", [width, width]],
    ["attn_proj.bias", [width]],
    ["ln_2.weight", [width]],
    ["ln_2.bias", [width]],
    ["c_fc.weight", [width, 4 * width]],
    ["c_fc.bias", [4 * width]],
    ["mlp_proj.weight", [4 * width, width]],
    ["mlp_proj.bias", [width]],
  ].map(([name, shape]) => [`h.${layer}.${name}`, shape]);
  const shapes = [["wte", [words, width]], ["wpe", [time, width]], ...range(layers).flatMap(block)];
  shapes.push(["ln_f.weight", [width]], ["ln_f.bias", [width]]);
  // Wide enough that the norms, the attention and the activation all matter.
  const spread = 4 / Math.sqrt(width);
  const tensors = shapes.map(([name, shape]) => {
    const gain = /ln_.*weight/.test(name) ? 1 : 0;
    const size = shape.reduce((product, n) => product * n);
    return [name, shape, Float32Array.from({ length: size }, () => gain + spread * (unit() - 0.5))];
  });
  return { ids, tensors };
}

/** For each scored row the token that comes next. */
function targetsOf(ids, { time, texts }) {
  const from = time / 2;
  return Int32Array.from(range(texts).flatMap((text) => [...ids.subarray(text * time + from, (text + 1) * time)]));
}

async function tfjs() {
  const tf = await import("@tensorflow/tfjs-core");
  await import("@tensorflow/tfjs-backend-webgpu");
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js found no WebGPU");
  await tf.ready();
  tf.enableProdMode();

  function product(m, k, n) {
    const a = tf.fill([m, k], 0.5);
    const b = tf.fill([k, n], 0.25);
    const ten = async () => {
      const one = tf.tidy(() => {
        // Each result is let go before the next, so that its memory is used again.
        for (let i = 1; i < QUEUED; i++) tf.matMul(a, b).dispose();
        return tf.slice(tf.matMul(a, b), [0, 0], [1, 1]);
      });
      const [value] = await one.data();
      one.dispose();
      return value;
    };
    return { ten, free: () => tf.dispose([a, b]) };
  }

  const linear = (x, w, name) => tf.fused.matMul({ a: x, b: w[`${name}.weight`], bias: w[`${name}.bias`] });

  function norm(x, w, name) {
    const { mean, variance } = tf.moments(x, 1, true);
    const standard = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, NORM_EPSILON)));
    return tf.add(tf.mul(standard, w[`${name}.weight`]), w[`${name}.bias`]);
  }

  function gelu(x) {
    const inner = tf.mul(tf.add(x, tf.mul(tf.mul(x, tf.square(x)), 0.044715)), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
  }

  function attention(qkv, mask, { heads, width, time, texts }) {
    const split = tf.transpose(tf.reshape(qkv, [texts, time, 3, heads, width / heads]), [2, 0, 3, 1, 4]);
    const [q, k, v] = tf.unstack(split);
    const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width / heads)), mask);
    const mixed = tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]);
    return tf.reshape(mixed, [texts * time, width]);
  }

  function trainer(model, { ids, tensors }) {
    const { layers, width, words, time, texts } = model;
    const { from, scored } = inputs(model);
    const w = Object.fromEntries(tensors.map(([name, shape, values]) => [name, tf.variable(tf.tensor(values, shape))]));
    const variables = Object.values(w);
    const tokens = tf.tensor1d(ids, "int32");
    const targets = tf.tensor1d(targetsOf(ids, model), "int32");
    const mask = tf.tensor2d(range(time).map((t) => range(time).map((s) => (s > t ? -1e9 : 0))));
    const optimiser = tf.train.adam(ADAM.rate, ADAM.beta1, ADAM.beta2, ADAM.epsilon);

    function loss() {
      const embedded = tf.reshape(tf.gather(w.wte, tokens), [texts, time, width]);
      let x = tf.reshape(tf.add(embedded, w.wpe), [texts * time, width]);
      for (const h of range(layers).map((layer) => `h.${layer}`)) {
        const mixed = attention(linear(norm(x, w, `${h}.ln_1`), w, `${h}.c_attn`), mask, model);
        x = tf.add(x, linear(mixed, w, `${h}.attn_proj`));
        const active = gelu(linear(norm(x, w, `${h}.ln_2`), w, `${h}.c_fc`));
        x = tf.add(x, linear(active, w, `${h}.mlp_proj`));
      }
      // Only what comes before a response's tokens meets the vocabulary.
      const before = tf.slice(tf.reshape(x, [texts, time, width]), [0, from - 1, 0], [texts, time - from, width]);
      const top = norm(tf.reshape(before, [scored, width]), w, "ln_f");
      const logits = tf.matMul(top, w.wte, false, true);
      const logp = tf.sum(tf.mul(tf.logSoftmax(logits), tf.oneHot(targets, words)), 1);
      const [chosen, rejected] = tf.unstack(tf.sum(tf.reshape(logp, [texts / 2, 2, time - from]), 2), 1);
      const margin = tf.sub(tf.sub(chosen, REFERENCE), tf.sub(rejected, REFERENCE));
      return tf.mean(tf.softplus(tf.mul(margin, -LAMBDA)));
    }

    const step = async () => {
      const value = optimiser.minimize(loss, true, variables);
      const [number] = await value.data();
      value.dispose();
      return number;
    };
    const free = () => {
      optimiser.dispose();
      tf.dispose([variables, tokens, targets, mask]);
    };
    return { step, free };
  }

  return { product, trainer };
}

/** A function takes what it is given and lets go of it; `.ref` keeps one more hold of it. */
async function jax() {
  const { init, defaultDevice, jit, valueAndGrad, nn, numpy: np, tree } = await import("@jax-js/jax");
  if (!(await init("webgpu")).includes("webgpu")) throw new Error("jax-js found no WebGPU");
  defaultDevice("webgpu");
  const array = (values, shape, dtype = np.float32) => np.array(values, { shape, dtype });

  function product(m, k, n) {
    const a = array(new Float32Array(m * k).fill(0.5), [m, k]);
    const b = array(new Float32Array(k * n).fill(0.25), [k, n]);
    const matmul = jit((x, y) => np.matmul(x, y));
    const ten = async () => {
      // What is let go before it is asked for is never computed: all are kept, and asked for together.
      const results = range(QUEUED).map(() => matmul(a.ref, b.ref));
      const one = results.at(-1).ref.slice(0, 0).data();
      const [[value]] = await Promise.all([one, ...results.map((result) => result.blockUntilReady())]);
      tree.dispose(results);
      return value;
    };
    const free = () => {
      matmul.dispose();
      tree.dispose([a, b]);
    };
    return { ten, free };
  }

  const linear = (x, w, name) => np.matmul(x, w[`${name}.weight`]).add(w[`${name}.bias`]);
  const norm = (x, w, name) =>
    nn.standardize(x, -1, { epsilon: NORM_EPSILON }).mul(w[`${name}.weight`]).add(w[`${name}.bias`]);

  function attention(qkv, { heads, width, time, texts }) {
    const [q, k, v] = np.split(qkv, 3, 2).map((x) => x.reshape([texts, time, heads, width / heads]));
    return nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([texts, time, width]);
  }

  function trainer(model, { ids, tensors }) {
    const { layers, words, time, texts } = model;
    const { from } = inputs(model);

    // texts x time x width throughout: a reshape beside the embedding's scatter does not compile.
    function loss(w, tokens, targets) {
      let x = np.take(w.wte.ref, tokens, 0).add(w.wpe);
      for (const h of range(layers).map((layer) => `h.${layer}`)) {
        const mixed = attention(linear(norm(x.ref, w, `${h}.ln_1`), w, `${h}.c_attn`), model);
        x = x.add(linear(mixed, w, `${h}.attn_proj`));
        const active = nn.gelu(linear(norm(x.ref, w, `${h}.ln_2`), w, `${h}.c_fc`), { approximate: true });
        x = x.add(linear(active, w, `${h}.mlp_proj`));
      }
      // Only what comes before a response's tokens meets the vocabulary.
      const top = norm(x.slice([], [from - 1, time - 1]), w, "ln_f");
      const logits = np.matmul(top, np.transpose(w.wte));
      const logp = nn.logSoftmax(logits).mul(nn.oneHot(targets, words)).sum(2);
      const sums = logp.reshape([texts / 2, 2, time - from]).sum(2);
      const chosen = sums.ref.slice([], 0);
      const margin = chosen.sub(REFERENCE).sub(sums.slice([], 1).sub(REFERENCE));
      return nn.softplus(margin.mul(-LAMBDA)).mean();
    }

    // The library itself has no optimiser. Adam compiles into the step.
    const compiled = jit((w, m, v, unbias1, unbias2, tokens, targets) => {
      const [value, gradient] = valueAndGrad(loss)(tree.ref(w), tokens, targets);
      const [w1, m1, v1] = [{}, {}, {}];
      for (const [name, g] of Object.entries(gradient)) {
        m1[name] = m[name].mul(ADAM.beta1).add(g.ref.mul(1 - ADAM.beta1));
        v1[name] = v[name].mul(ADAM.beta2).add(np.square(g).mul(1 - ADAM.beta2));
        const root = np.sqrt(v1[name].ref.mul(unbias2.ref)).add(ADAM.epsilon);
        w1[name] = w[name].sub(m1[name].ref.mul(unbias1.ref).mul(ADAM.rate).div(root));
      }
      tree.dispose([unbias1, unbias2]);
      return [w1, m1, v1, value];
    });

    const zeros = () => Object.fromEntries(tensors.map(([name, shape]) => [name, np.zeros(shape)]));
    let state = [Object.fromEntries(tensors.map(([name, shape, values]) => [name, array(values, shape)])), zeros(), zeros()];
    const tokens = array(ids, [texts, time], np.int32);
    const targets = array(targetsOf(ids, model), [texts, time - from], np.int32);
    let steps = 0;
    const step = async () => {
      steps += 1;
      const unbias = [ADAM.beta1, ADAM.beta2].map((beta) => array([1 / (1 - beta ** steps)], [1]));
      const [w, m, v, value] = compiled(...state, ...unbias, tokens.ref, targets.ref);
      state = [w, m, v];
      const [number] = await value.data();
      return number;
    };
    const free = () => {
      compiled.dispose();
      tree.dispose([state, tokens, targets]);
    };
    return { step, free };
  }

  return { product, trainer };
}

/** Median microseconds of `rounds` awaited calls, after some that compile. */
export async function median(rounds, warmUps, work) {
  for (let i = 0; i < warmUps; i++) await work();
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await work();
    times.push((performance.now() - start) * 1e3);
  }
  return times.sort((a, b) => a - b)[rounds >> 1];
}

async function timeProduct(library, [m, k, n]) {
  const { ten, free } = library.product(m, k, n);
  const time = await median(7, 2, async () => {
    const value = await ten();
    if (value !== k / 8) throw new Error(`a product of ${m}x${k}x${n} gives ${value}, not ${k / 8}`);
  });
  free();
  return time / QUEUED;
}

async function firstLosses(library, { model, losses }) {
  const { step, free } = library.trainer(model, seeded(model));
  const found = [];
  for (const _ of losses) found.push(await step());
  free();
  return found;
}

/** A peer that computes something else is not a peer. */
async function timeStep(library, model) {
  const found = await firstLosses(library, KNOWN);
  const error = Math.max(...found.map((loss, i) => Math.abs(loss - KNOWN.losses[i])));
  if (!(error < 1e-4)) throw new Error(`the losses are ${found}, not ${KNOWN.losses}`);
  const { step, free } = library.trainer(model, seeded(model));
  const losses = [];
  const time = await median(5, 2, async () => losses.push(await step()));
  free();
  if (!(losses.at(-1) < losses[0])) throw new Error(`the loss does not fall: ${losses}`);
  return { time, loss: losses[0] };
}

/**
 * `{ library: { products: { "512x128x512": microseconds }, step: microseconds } }`; null where a library fails.
 * `sizes` is `{ products: [[m, k, n]], model: { layers, heads, width, words, time, texts } }`.
 */
export async function measure({ products, model }) {
  const measured = {};
  const losses = {};
  for (const [name, open] of Object.entries({ tfjs, "jax-js": jax })) {
    const attempt = async (what, work) => {
      try {
        return await work();
      } catch (error) {
        console.error(`${name}, ${what}: ${error.message}`);
        return null;
      }
    };
    const library = await attempt("to start", open);
    const row = (measured[name] = { products: {}, step: null });
    for (const size of products) {
      const what = size.join("x");
      row.products[what] = library && (await attempt(what, () => timeProduct(library, size)));
    }
    const step = library && (await attempt("a step", () => timeStep(library, model)));
    if (step) [row.step, losses[name]] = [step.time, step.loss];
  }
  const [one, other] = Object.values(losses);
  if (Math.abs(one - other) > 1e-3) {
    console.error(`the libraries disagree on the first loss: ${JSON.stringify(losses)}`);
    for (const row of Object.values(measured)) row.step = null;
  }
  return measured;
}
