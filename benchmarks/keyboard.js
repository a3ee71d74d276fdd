// Runs in the page of lab/extras/phone/keyboard. It measures the time of a key (ms) for each model in three engines:
// the engine of the page, the same in JavaScript, and ONNX Runtime Web. They take turns. A key is repeated until it
// lasts 20 ticks of the clock.
async ({ runtime, folder }) => {
  const ort = await import(`${runtime}/ort.wasm.bundle.min.mjs`);
  ort.env.wasm.wasmPaths = { wasm: `${runtime}/ort-wasm-simd-threaded.wasm` };
  ort.env.wasm.numThreads = 1;

  async function onnx(name, { layers, hidden }) {
    const session = await ort.InferenceSession.create(`${folder}/${name}-int8.onnx`, { executionProviders: ["wasm"] });
    const states = session.inputNames.filter((input) => input !== "character");
    const zeros = () => new ort.Tensor("float32", new Float32Array(layers * hidden), [layers, 1, hidden]);
    return {
      start: () => states.map(zeros),
      async step(index, state) {
        const character = new ort.Tensor("int64", BigInt64Array.of(BigInt(index)), [1, 1]);
        const carried = Object.fromEntries(states.map((input, k) => [input, state[k]]));
        const out = await session.run({ character, ...carried });
        return { logits: out.logits.data, state: states.map((_, k) => out[`next_${k}`]) };
      },
    };
  }

  async function repeated(one, index, state) {
    const begun = performance.now();
    let after;
    if (one.waits) for (let k = 0; k < one.repeats; k++) after = await one.model.step(index, state);
    else for (let k = 0; k < one.repeats; k++) after = one.model.step(index, state);
    return [(performance.now() - begun) / one.repeats, after];
  }

  const all = [], [plain] = networks(given.models, "");
  for (const [name, sizes] of Object.entries(given.models)) {
    all.push({ name, engine: "ONNX Runtime Web", model: await onnx(name, sizes), waits: true });
    all.push({ name, engine, model: models[name] }, { name, engine: "JavaScript", model: plain[name] });
  }
  for (const one of all) {
    Object.assign(one, { repeats: 1000, times: [], logits: [], state: one.model.start() });
    const [each] = await repeated(one, given.text[0], one.state);
    one.repeats = Math.ceil(TICKS * tick / each);
  }
  for (let from = 0; from < given.text.length; from += TURN) {
    for (const one of all) {
      for (const index of given.text.slice(from, from + TURN)) {
        const [ms, { logits, state }] = await repeated(one, index, one.state);
        one.times.push(ms);
        one.state = state;
        one.logits.push(logits.slice());
      }
    }
  }
  return all.map(({ name, engine, times, logits }) => {
    const other = all.find((one) => one.name === name).logits; // the first one is ONNX Runtime Web
    const apart = logits.map((row, k) => row.reduce((most, value, c) => Math.max(most, Math.abs(value - other[k][c])), 0));
    return { model: name, engine, ms: quantile(times, 0.5), apart: Math.max(...apart) };
  });
}
