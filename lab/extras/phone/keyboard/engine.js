"use strict";
// The models of the page: recurrent networks with the weights from PyTorch, and the n-gram model. Each has
// start() -> state and step(index, state) -> {logits, state}. step() does not change the given state, so a
// character can be deleted again.

const PAD = 16; // product() reads so many numbers at a time
const padded = (count) => Math.ceil(count / PAD) * PAD;
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

// ----- Networks ------------------------------------------------------------------------------------

// Write a model's tensors into memory. Each row is padded with zeros. int8 is multiplied by its scales to get fp32.
function load(model, floats, at) {
  const places = {};
  for (const [name, { rows, cols, fp32, int8, scales }] of Object.entries(model.tensors)) {
    places[name] = 4 * at;
    if (fp32) { // a bias
      floats.set(new Float32Array(bytesOf(fp32).buffer), at);
      at += padded(rows);
      continue;
    }
    const scale = new Float32Array(bytesOf(scales).buffer), bytes = new Int8Array(bytesOf(int8).buffer);
    for (let row = 0, k = 0; row < rows; row++, at += padded(cols)) {
      for (let col = 0; col < cols; col++, k++) floats[at + col] = bytes[k] * scale[row];
    }
  }
  return [places, at];
}

const floatsOf = (model) => Object.values(model.tensors).reduce(
  (sum, { rows, cols }) => sum + (cols ? rows * padded(cols) : padded(rows)), 0);

// The same product for browsers without WebAssembly SIMD.
function plainProduct(floats) {
  return (w, x, bias, out, rows, cols) => {
    w /= 4; x /= 4; bias /= 4; out /= 4;
    for (let row = 0; row < rows; row++, w += cols) {
      let a = 0, b = 0, c = 0, d = 0;
      for (let k = 0; k < cols; k += 4) {
        a += floats[w + k] * floats[x + k];
        b += floats[w + k + 1] * floats[x + k + 1];
        c += floats[w + k + 2] * floats[x + k + 2];
        d += floats[w + k + 3] * floats[x + k + 3];
      }
      floats[out + row] = floats[bias + row] + a + b + (c + d);
    }
  };
}

const GATES = { RNN: 1, LSTM: 4, GRU: 3 };

// Return the networks of {name: model}, each with its own memory, and the name of the engine that multiplies.
function networks(models, wasm) {
  let module = null;
  try {
    module = new WebAssembly.Module(bytesOf(wasm));
  } catch {} // the browser has no WebAssembly, or no SIMD in it
  const made = {};
  for (const [name, model] of Object.entries(models)) made[name] = new Network(model, module);
  return [made, module ? "WebAssembly SIMD" : "JavaScript"];
}

class Network {
  constructor(model, module) {
    const { hidden, layers, embedding, vocab } = model, gates = GATES[model.kind] * hidden;
    this.model = model;
    this.cells = model.kind === "LSTM" ? 2 : 1; // the states of a layer: h, or h and c
    this.width = padded(hidden);
    const rest = 3 * padded(gates) + 2 * padded(vocab) + 2 * layers * this.width;
    const bytes = 4 * (floatsOf(model) + rest);
    let buffer;
    if (module) {
      const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) });
      buffer = memory.buffer;
      this.product = new WebAssembly.Instance(module, { engine: { memory } }).exports.product;
      this.floats = new Float32Array(buffer);
    } else {
      buffer = new ArrayBuffer(bytes);
      this.floats = new Float32Array(buffer);
      this.product = plainProduct(this.floats);
    }
    let at;
    [this.at, at] = load(model, this.floats, 0);
    const part = (count) => { const place = 4 * at; at += padded(count); return new Float32Array(buffer, place, count); };
    this.zeros = part(gates + vocab).byteOffset; // used if a model has no bias
    this.input = part(gates);
    this.carried = part(gates);
    this.logits = part(vocab);
    this.state = part(this.cells * layers * this.width);
  }

  start() { return new Float32Array(this.state.length); }

  step(index, state) {
    const { embedding, layers, vocab } = this.model, { at, width, zeros } = this;
    this.state.set(state);
    let x = at.embedding + 4 * index * padded(embedding), cols = padded(embedding);
    for (let layer = 0; layer < layers; layer++) {
      const h = this.state.byteOffset + 4 * layer * width;
      this.product(at[`weight_ih_l${layer}`], x, at[`bias_ih_l${layer}`] ?? zeros, this.input.byteOffset, this.input.length, cols);
      this.product(at[`weight_hh_l${layer}`], h, at[`bias_hh_l${layer}`] ?? zeros, this.carried.byteOffset, this.carried.length, width);
      this.gates(layer);
      [x, cols] = [h, width];
    }
    this.product(at.output, x, at.bias ?? zeros, this.logits.byteOffset, vocab, width);
    return { logits: this.logits.slice(), state: this.state.slice() };
  }

  // The equations of torch.nn.RNN, LSTM and GRU. The gates have the order of the weights in PyTorch.
  gates(layer) {
    const { kind, hidden: n, layers } = this.model, { input: i, carried: c } = this;
    const h = this.state.subarray(layer * this.width), cell = this.state.subarray((layers + layer) * this.width);
    for (let k = 0; k < n; k++) {
      if (kind === "RNN") h[k] = Math.tanh(i[k] + c[k]);
      else if (kind === "LSTM") {
        const keep = sigmoid(i[n + k] + c[n + k]), write = sigmoid(i[k] + c[k]);
        cell[k] = keep * cell[k] + write * Math.tanh(i[2 * n + k] + c[2 * n + k]);
        h[k] = sigmoid(i[3 * n + k] + c[3 * n + k]) * Math.tanh(cell[k]);
      } else {
        const reset = sigmoid(i[k] + c[k]), update = sigmoid(i[n + k] + c[n + k]);
        h[k] = (1 - update) * Math.tanh(i[2 * n + k] + reset * c[2 * n + k]) + update * h[k];
      }
    }
  }
}

// ----- The n-gram model ------------------------------------------------------------------------------

// Interpolated modified Kneser-Ney smoothing over the training text, as in lab/ngram.py. A discount is
// subtracted from each count and given to the next shorter context. There, the count of a character is the
// number of different contexts in which it was seen.
class NGram {
  constructor(text, vocab, order) {
    Object.assign(this, { vocab, order, levels: [] });
    let numbers = new Int32Array(text.length + 1), contexts = 1, previous = null;
    for (let length = 1; length <= order; length++) {
      const level = { follow: new Map(), context: [], last: [], contexts }, counts = [];
      const places = text.length - length + 1, seen = new Float64Array(contexts), next = new Int32Array(places);
      for (let place = 0; place < places; place++) {
        const last = text[place + length - 1], key = numbers[place] * vocab + last;
        let number = level.follow.get(key);
        if (number === undefined) {
          level.follow.set(key, number = counts.push(0) - 1);
          level.context.push(numbers[place]);
          level.last.push(last);
          if (previous) seen[numbers[place + 1]]++;
        }
        counts[number]++;
        next[place] = number;
      }
      if (previous) this.add(previous, seen);
      if (length === order) this.add(level, counts);
      [previous, numbers, contexts] = [level, next, counts.length];
    }
  }

  add(level, counts) {
    const discounts = [0, ...closedForm(counts)], n = counts.length;
    const total = new Float64Array(level.contexts), left = new Float64Array(level.contexts);
    level.starts = new Int32Array(level.contexts + 1); // the place in level.grams where the n-grams of a context begin
    for (let k = 0; k < n; k++) {
      const context = level.context[k];
      total[context] += counts[k];
      left[context] += discounts[Math.min(counts[k], 3)];
      level.starts[context + 1]++;
    }
    for (let k = 0; k < level.contexts; k++) level.starts[k + 1] += level.starts[k];
    const filled = level.starts.slice();
    level.grams = new Int32Array(n);
    for (let k = 0; k < n; k++) level.grams[filled[level.context[k]]++] = k;
    level.share = Float64Array.from(counts, (count, k) => (count - discounts[Math.min(count, 3)]) / Math.max(total[level.context[k]], 1));
    level.rest = left.map((given, k) => (total[k] ? given / total[k] : 1));
    this.levels.push(level);
  }

  start() { return []; }

  step(index, state) {
    const context = [...state, index].slice(1 - this.order || Infinity);
    return { logits: this.probabilities(context).map(Math.log), state: context };
  }

  probabilities(context) {
    const mixed = new Float64Array(this.vocab).fill(1 / this.vocab);
    for (let length = 0; length <= context.length && length < this.order; length++) {
      let number = 0;
      for (let k = 0; k < length && number !== undefined; k++) {
        number = this.levels[k].follow.get(number * this.vocab + context[context.length - length + k]);
      }
      if (number === undefined) break;
      const level = this.levels[length];
      for (let k = 0; k < this.vocab; k++) mixed[k] *= level.rest[number];
      for (let k = level.starts[number]; k < level.starts[number + 1]; k++) {
        mixed[level.last[level.grams[k]]] += level.share[level.grams[k]];
      }
    }
    return mixed;
  }
}

// The discounts of counts 1, 2 and more (Chen and Goodman 1999), as in lab/ngram.py.
function closedForm(counts) {
  const n = [0, 0, 0, 0, 0];
  for (const count of counts) if (count < 5) n[count]++;
  const single = n[1] && n[2] ? n[1] / (n[1] + 2 * n[2]) : 0.5;
  return [1, 2, 3].map((times) => {
    const discount = n[times] && n[times + 1] ? times - (times + 1) * single * n[times + 1] / n[times] : 0;
    return discount > 0 ? discount : single;
  });
}

// ----- Suggestions ---------------------------------------------------------------------------------

function logSoftmax(logits) {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = logits.reduce((a, b) => a + Math.exp(b - most), 0);
  return Float64Array.from(logits, (v) => v - most - Math.log(sum));
}

const likeliest = (scores, count) => [...scores.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, count);

// The most likely ends of a word, by beam search as in lab/extras/phone/savings.py: [[index, ...], ...].
// A word ends before the first character that cannot be in a word; `inWord` has true or false for each character.
function words(model, { logits, state }, inWord, { suggestions, beam, longest }) {
  const found = [];
  let live = [{ score: 0, text: [], logits, state }];
  for (let length = 0; length <= longest && live.length; length++) {
    const grown = [];
    for (const { score, text, logits, state } of live) {
      const log = logSoftmax(logits);
      if (length) {
        let ends = 0;
        for (let k = 0; k < log.length; k++) if (!inWord[k]) ends += Math.exp(log[k]);
        found.push({ score: score + Math.log(ends), text });
      }
      const inside = log.map((v, k) => (inWord[k] ? v : -Infinity));
      for (const k of likeliest(inside, beam)) if (inside[k] > -Infinity) grown.push({ score: score + inside[k], text: [...text, k], state });
    }
    found.sort((a, b) => b.score - a.score).splice(suggestions);
    const least = found.length < suggestions ? -Infinity : found[suggestions - 1].score;
    live = grown.sort((a, b) => b.score - a.score).slice(0, beam).filter(({ score }) => score > least);
    if (length < longest) live = live.map((one) => ({ ...one, ...model.step(one.text[length], one.state) }));
  }
  return found.map(({ text }) => text);
}
