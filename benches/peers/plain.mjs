// Times Adam in plain JavaScript: no library, gradients by hand, nothing allocated in a step.
//
// node plain.mjs                  times every loss, and the whole of Figure 2
// node plain.mjs --goldens PATH   checks the same code against adam_trajectories.json
//
// A page imports `workloads` and times them itself, so that nothing here needs Node until it is run by it.

const LOSSES = ["rlhf", "dpo", "ipo", "f-dpo", "typo"];
const PI_REF = [0.4, 0.4, 0.2];
const PI_STAR = [0.6, 0.3, 0.1];
const LAMBDA = 1e-5;
const BATCH = 20;
const DRAWS = 300;
const STEPS = 11000;
const STEPS_PER_EPOCH = 11;
const REPEATS = 9;

const A = 3;
// The three pairs (i, j), i < j. Pair k's wins are at 2k when i wins and at 2k + 1 when j wins.
const I = [0, 0, 1];
const J = [1, 2, 2];

const learningRate = (loss) => (loss === "typo" ? 5e-4 : 1e-3);

/** A seeded xorshift generator: 32 random bits a call. */
class Random {
  constructor(seed) {
    this.state = (seed + 1) * 0x9e3779b1 | 0;
  }
  bits() {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }
  below(n) {
    return Math.floor(this.bits() * (n / 2 ** 32));
  }
}

/** Two uniform actions a draw, equal ones dropped, the winner by Bradley-Terry: one index of wins each. */
function drawPairs(piStar, random) {
  const pairs = [];
  for (let draw = 0; draw < DRAWS; draw++) {
    const a = random.below(A);
    const b = random.below(A);
    if (a === b) continue;
    const i = Math.min(a, b);
    const j = Math.max(a, b);
    const iWins = random.bits() / 2 ** 32 < piStar[i] / (piStar[i] + piStar[j]);
    pairs.push(2 * (i + j - 1) + (iWins ? 0 : 1));
  }
  return Uint8Array.from(pairs);
}

/** One prompt's policy under training: theta, Adam's moments, and space for a step's work. */
class Bandit {
  constructor(piRef, piStar, lambda) {
    this.lambda = lambda;
    this.piRef = Float64Array.from(piRef);
    this.logRef = this.piRef.map(Math.log);
    this.logStar = Float64Array.from(piStar, Math.log);
    const mean = this.logRef.reduce((sum, x) => sum + x) / A;
    this.theta = this.logRef.map((x) => x - mean);
    this.m = new Float64Array(A);
    this.v = new Float64Array(A);
    this.beta1Power = 1;
    this.beta2Power = 1;
    this.pi = new Float64Array(A);
    this.logPi = new Float64Array(A);
    this.grad = new Float64Array(A);
    this.slope = new Float64Array(A);
    this.score = new Float64Array(A);
    this.softmax();
  }

  softmax() {
    const { theta, pi, logPi } = this;
    const top = Math.max(theta[0], theta[1], theta[2]);
    let sum = 0;
    for (let a = 0; a < A; a++) sum += pi[a] = Math.exp(theta[a] - top);
    const logSum = top + Math.log(sum);
    for (let a = 0; a < A; a++) {
      pi[a] /= sum;
      logPi[a] = theta[a] - logSum;
    }
  }

  /** Adds to grad a gradient with respect to log pi, carried back through the softmax. */
  addFromLogPi(dLogPi) {
    const { pi, grad } = this;
    const sum = dLogPi[0] + dLogPi[1] + dLogPi[2];
    for (let a = 0; a < A; a++) grad[a] += dLogPi[a] - pi[a] * sum;
  }

  /** One Adam step, as PyTorch takes it, down the gradient in grad. */
  adam(rate, clip) {
    const { theta, m, v, grad } = this;
    const norm = Math.sqrt(grad[0] ** 2 + grad[1] ** 2 + grad[2] ** 2);
    const shrink = Math.min(1, clip / (norm + 1e-6));
    this.beta1Power *= 0.9;
    this.beta2Power *= 0.999;
    const step = rate / (1 - this.beta1Power);
    const unbias = 1 / Math.sqrt(1 - this.beta2Power);
    for (let a = 0; a < A; a++) {
      const g = grad[a] * shrink;
      m[a] += 0.1 * (g - m[a]);
      v[a] += 0.001 * (g * g - v[a]);
      theta[a] -= (step * m[a]) / (Math.sqrt(v[a]) * unbias + 1e-8);
    }
  }
}

// Each of these puts its loss's gradient into bandit.grad. A batch enters as its six win weights,
// which sum to 1: pairs that agree have one margin, so they share one exponential.
const gradients = {
  rlhf(bandit) {
    bandit.softmax();
    const { pi, logPi, logRef, logStar, lambda, grad } = bandit;
    let mean = 0;
    for (let a = 0; a < A; a++) {
      grad[a] = lambda * (logPi[a] - logRef[a]) - logStar[a];
      mean += pi[a] * grad[a];
    }
    for (let a = 0; a < A; a++) grad[a] = pi[a] * (grad[a] - mean);
  },

  dpo({ theta, logRef, lambda, grad }, wins) {
    grad.fill(0);
    for (let k = 0; k < 3; k++) {
      const i = I[k];
      const j = J[k];
      const margin = theta[i] - theta[j] - logRef[i] + logRef[j];
      addToPair(grad, i, j, lambda * logisticSlope(wins, k, lambda * margin));
    }
  },

  ipo({ theta, logRef, lambda, grad }, wins) {
    grad.fill(0);
    for (let k = 0; k < 3; k++) {
      const i = I[k];
      const j = J[k];
      const margin = theta[i] - theta[j] - logRef[i] + logRef[j];
      const win = wins[2 * k];
      const loss = wins[2 * k + 1];
      addToPair(grad, i, j, 2 * (win + loss) * margin - (win - loss) / lambda);
    }
  },

  "f-dpo"(bandit, wins) {
    bandit.softmax();
    const { pi, piRef, lambda, grad, slope, score } = bandit;
    grad.fill(0);
    slope.fill(0);
    // score is Jensen-Shannon's f'(pi / ref), less a log 2 that cancels in every difference.
    for (let a = 0; a < A; a++) score[a] = Math.log(pi[a] / (pi[a] + piRef[a]));
    for (let k = 0; k < 3; k++) {
      const i = I[k];
      const j = J[k];
      addToPair(slope, i, j, lambda * logisticSlope(wins, k, lambda * (score[i] - score[j])));
    }
    for (let a = 0; a < A; a++) slope[a] *= piRef[a] / (pi[a] + piRef[a]);
    bandit.addFromLogPi(slope);
  },

  typo(bandit, wins) {
    bandit.softmax();
    const { theta, pi, piRef, lambda, grad } = bandit;
    for (let a = 0; a < A; a++) grad[a] = lambda * (pi[a] - piRef[a]);
    for (let k = 0; k < 3; k++) {
      addToPair(grad, I[k], J[k], logisticSlope(wins, k, theta[I[k]] - theta[J[k]]));
    }
  },
};

/** d/dx of win * log(1 + e^-x) + loss * log(1 + e^x). */
function logisticSlope(wins, k, x) {
  const win = wins[2 * k];
  return (win + wins[2 * k + 1]) / (1 + Math.exp(-x)) - win;
}

function addToPair(grad, i, j, slope) {
  grad[i] += slope;
  grad[j] -= slope;
}

/** Puts the win weights of BATCH pairs, drawn from pairs, into wins. */
function drawBatch(pairs, random, wins) {
  wins.fill(0);
  for (let b = 0; b < BATCH; b++) wins[pairs[random.below(pairs.length)]] += 1 / BATCH;
}

/** The policy after every epoch, one row of A after another. */
function run(loss, epochs, pairs, seed) {
  const bandit = new Bandit(PI_REF, PI_STAR, LAMBDA);
  const random = new Random(seed);
  const gradient = gradients[loss];
  const rate = learningRate(loss);
  const wins = new Float64Array(6);
  const policies = new Float64Array(A * epochs);
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let step = 0; step < STEPS_PER_EPOCH; step++) {
      // RLHF's expectation is exact: it takes no pairs.
      if (loss !== "rlhf") drawBatch(pairs, random, wins);
      gradient(bandit, wins);
      bandit.adam(rate, 10);
    }
    bandit.softmax();
    policies.set(bandit.pi, A * epoch);
  }
  return policies;
}

function figure2(pairs, seed) {
  const epochs = STEPS / STEPS_PER_EPOCH;
  return LOSSES.map((loss) => run(loss, loss === "f-dpo" ? 3 * epochs : epochs, pairs, seed));
}

/** Median milliseconds of work(seed), after two calls that let the compiler settle. */
function medianMilliseconds(work) {
  work(0);
  work(1);
  const times = [];
  for (let seed = 0; seed < REPEATS; seed++) {
    const start = performance.now();
    work(seed);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[REPEATS >> 1];
}

function report(loss, what, microseconds) {
  const row = { peer: "javascript", loss, what, microseconds: Number(microseconds.toPrecision(4)) };
  console.log(JSON.stringify(row));
}

/** What is timed. A call of `work(seed)` does `units` of the named thing. */
export function workloads() {
  const pairs = drawPairs(PI_STAR, new Random(0));
  figure2(pairs, 0).forEach((policies, n) => {
    // Only TYPO stops short of the mode; a wrong run's time means nothing.
    const end = policies.at(-A);
    const reached = LOSSES[n] === "typo" ? end > 0.5 && end < 0.7 : end > 0.95;
    if (!reached) {
      throw new Error(`${LOSSES[n]} ends at ${policies.slice(-A)}, which is not the paper's Figure 2`);
    }
  });
  const steps = LOSSES.map((loss) => ({
    loss,
    what: "adam_step",
    units: STEPS,
    work: (seed) => run(loss, STEPS / STEPS_PER_EPOCH, pairs, seed),
  }));
  return [...steps, { loss: "all", what: "figure_2", units: 1, work: (seed) => figure2(pairs, seed) }];
}

function time() {
  for (const { loss, what, units, work } of workloads()) report(loss, what, (medianMilliseconds(work) * 1e3) / units);
}

/** The win weights of the whole population, every unordered pair equally likely. */
function populationWins(piStar) {
  const wins = new Float64Array(6);
  for (let k = 0; k < 3; k++) {
    wins[2 * k] = piStar[I[k]] / (piStar[I[k]] + piStar[J[k]]) / 3;
    wins[2 * k + 1] = 1 / 3 - wins[2 * k];
  }
  return wins;
}

async function checkGoldens(path) {
  const { readFileSync } = await import("node:fs");
  let largest = 0;
  for (const golden of JSON.parse(readFileSync(path, "utf8"))) {
    const bandit = new Bandit(golden.pi_ref, golden.pi_star, golden.lambda);
    const wins = populationWins(golden.pi_star);
    golden.pi.forEach((expected, row) => {
      for (let step = 0; row > 0 && step < golden.record_every; step++) {
        gradients[golden.loss](bandit, wins);
        for (let a = 0; a < A; a++) bandit.grad[a] += 2 * golden.weight_decay_alpha * bandit.theta[a];
        bandit.adam(golden.learning_rate, golden.clip_norm);
      }
      bandit.softmax();
      for (let a = 0; a < A; a++) largest = Math.max(largest, Math.abs(expected[a] - bandit.pi[a]));
    });
  }
  console.log(`largest difference in probability: ${largest.toExponential(3)}`);
  process.exitCode = largest <= 1e-9 ? 0 : 1;
}

if (globalThis.process) {
  const flag = process.argv.indexOf("--goldens");
  if (flag > 0) await checkGoldens(process.argv[flag + 1]);
  else time();
}
