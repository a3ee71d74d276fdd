"use strict";
// The page: what is typed goes to every model, what they suggest can be tapped, and how long that takes
// on this device is measured. engine.js has the models.

const started = performance.now();
const find = (id) => document.getElementById(id);
const given = JSON.parse(find("given").textContent);
const { chars } = given, indexOf = new Map(chars.map((c, k) => [c, k]));
const inWord = chars.map((c) => /[\p{L}'’-]/u.test(c));
const wasm = new URLSearchParams(location.search).has("plain") ? "" : given.product;
const [models, engine] = networks(given.models, wasm);
const trained = Object.keys(models);
models[given.counting.name] = new Counting([...given.counting.text].map((c) => indexOf.get(c)), chars.length, given.counting.order);
const names = Object.keys(models);

function say(text, wrong = false) {
  find("said").textContent = text;
  find("said").className = wrong ? "wrong" : "";
}

// ----- Typing --------------------------------------------------------------------------------------

// What each model knew after each character that was read: taking a key back computes nothing.
const past = Object.fromEntries(names.map((name) => [name, []]));
const took = {};
let read = []; // indices

function readAlong() {
  const typed = [...find("text").value].map((c) => (c === "\n" ? " " : c));
  const unknown = [...new Set(typed.filter((c) => !indexOf.has(c)))];
  const now = typed.filter((c) => indexOf.has(c)).map((c) => indexOf.get(c));
  let same = 0;
  while (same < now.length && now[same] === read[same]) same++;
  for (const name of names) {
    past[name].length = same;
    for (const index of now.slice(same)) {
      const begun = performance.now();
      past[name].push(models[name].step(index, past[name].at(-1)?.state ?? models[name].start()));
      took[name] = performance.now() - begun;
    }
  }
  read = now;
  say(unknown.length ? `No model has seen, and none reads: ${unknown.join(" ")}` : "");
  names.forEach(suggest);
}

function suggest(name) {
  const card = find(`card-${name}`), last = past[name].at(-1);
  const next = last ? likeliest(last.logits, 3) : [];
  const begun = performance.now(), found = last ? words(models[name], last, inWord) : [];
  const searched = performance.now() - begun;
  const word = /[\p{L}'’-]*$/u.exec(read.map((k) => chars[k]).join(""))[0];
  card.querySelectorAll(".character").forEach((button, k) => {
    const text = k in next ? chars[next[k]] : "";
    offer(button, text === " " ? "␣" : text, text, text === " " ? "space" : text);
  });
  card.querySelectorAll(".word").forEach((button, k) => {
    const rest = k in found ? found[k].map((index) => chars[index]).join("") : "";
    offer(button, rest && word + rest, rest && `${rest} `, rest && word + rest);
  });
  card.querySelector("small").textContent = took[name] === undefined ? "" : `key ${shown(took[name])} ms, words ${shown(searched)} ms`;
}

const shown = (ms) => ms.toFixed(ms < 10 ? 1 : 0);

function offer(button, label, text, aloud) {
  button.textContent = label || "–";
  button.disabled = !text;
  button.onclick = () => {
    const area = find("text");
    area.value += text;
    area.focus();
    readAlong();
  };
  button.setAttribute("aria-label", `${button.dataset.model}: ${aloud || "nothing"}`);
}

function card(name) {
  const made = find("card").content.firstElementChild.cloneNode(true);
  made.id = `card-${name}`;
  made.style.setProperty("--own", `var(--${trained.includes(name) ? name : "counting"})`);
  made.querySelector("h2").textContent = name;
  for (const button of made.querySelectorAll("button")) button.dataset.model = name;
  find("cards").append(made);
  suggest(name);
}

// ----- Measuring -----------------------------------------------------------------------------------

const pause = (ms = 0) => new Promise((done) => setTimeout(done, ms));
const TURN = 50, PACED = 40, GAP = 150, TICKS = 20;

function clockTick() {
  let least = Infinity;
  for (let k = 0, last = performance.now(); k < 20; ) {
    const now = performance.now();
    if (now > last) { least = Math.min(least, now - last); last = now; k++; }
  }
  return least;
}

function quantile(values, share) {
  const sorted = Float64Array.from(values).sort(), at = share * (sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

// Read the text once: perplexity, and the largest difference of logits where PyTorch's are known.
async function compare(name) {
  const model = models[name], { text, every, logits: expected } = given, known = expected[name];
  const wanted = known && new Float32Array(bytesOf(known).buffer);
  let nats = 0, apart = 0, state = model.start(), logits;
  for (let k = 0; k < text.length; k++) {
    if (k) nats -= logSoftmax(logits)[text[k]];
    ({ logits, state } = model.step(text[k], state));
    if (wanted && k % every === 0) {
      const at = k / every * chars.length;
      logits.forEach((value, c) => { apart = Math.max(apart, Math.abs(value - wanted[at + c])); });
    }
    if (k % 100 === 0) { busy(`${name} reads: ${k} of ${text.length}`); await pause(); }
  }
  return { perplexity: Math.exp(nats / (text.length - 1)), apart: known ? apart : null };
}

// The time of a key is that of so many repetitions that they last 20 ticks of the clock, by their number.
function timed(model, index, state, repeats) {
  const begun = performance.now();
  let after;
  for (let k = 0; k < repeats; k++) after = model.step(index, state);
  return [(performance.now() - begun) / repeats, after.state];
}

async function measure() {
  const tick = clockTick(), { text } = given, result = {}, states = {};
  for (const name of names) {
    result[name] = { ...await compare(name), burst: [], paced: [] };
    const [each] = timed(models[name], text[0], models[name].start(), 300);
    result[name].repeats = Math.max(1, Math.ceil(TICKS * tick / Math.max(each, 1e-4)));
    states[name] = models[name].start();
  }
  for (let from = 0; from < text.length; from += TURN) { // in turns: what else the device does hits all alike
    for (const name of names) {
      busy(`${from} of ${text.length} keys`);
      await pause();
      for (const index of text.slice(from, from + TURN)) {
        let ms;
        [ms, states[name]] = timed(models[name], index, states[name], result[name].repeats);
        result[name].burst.push(ms);
      }
    }
  }
  for (let k = 0; k < PACED; k++) { // as a person types: the processor has slowed down in between
    for (const name of names.map((_, n) => names[(n + k) % names.length])) {
      busy(`typing: ${k} of ${PACED}`);
      await pause(GAP);
      result[name].paced.push(timed(models[name], text[k], states[name], 1)[0]);
    }
  }
  return { tick, result };
}

const ROWS = {
  "Keystroke (ms)": (r) => quantile(r.burst, 0.5).toFixed(3),
  "p95 (ms)": (r) => quantile(r.burst, 0.95).toFixed(3),
  "p99 (ms)": (r) => quantile(r.burst, 0.99).toFixed(3),
  "At Typing Pace (ms)": (r) => (r.paced.reduce((a, b) => a + b, 0) / r.paced.length).toFixed(2),
  "Perplexity": (r) => r.perplexity.toFixed(3),
  "Perplexity, PyTorch": (r, name) => given.perplexities[name].toFixed(3),
  "Logits Differ": (r) => (r.apart === null ? "" : r.apart.toExponential(0)),
};

function show({ tick, result }) {
  const grid = [["Model", ...Object.keys(ROWS)], ...names.map((name) => [name, ...Object.values(ROWS).map((row) => row(result[name], name))])];
  const table = find("table");
  table.replaceChildren();
  for (let row = 0; row < grid[0].length; row++) {
    const line = table.insertRow();
    grid.forEach((column, k) => {
      const cell = document.createElement(row && k ? "td" : "th");
      cell.textContent = column[row];
      line.append(cell);
    });
  }
  const wrong = names.filter((name) => !(Math.abs(result[name].perplexity / given.perplexities[name] - 1) < 1e-3) || result[name].apart > 1e-3);
  say(wrong.length ? `This page does not compute the models that were trained: ${wrong.join(", ")}.` : "The page computes the models that were trained.", wrong.length > 0);
  const device = `${engine}, clock ticks of ${tick.toFixed(3)} ms, ${navigator.userAgent}`;
  find("device").textContent = device;
  return `${grid.map((row) => row.join("\t")).join("\n")}\n# ${device}\n`;
}

function busy(text) { find("measure").textContent = text; }

let copied = "";
find("measure").onclick = async () => {
  find("measure").disabled = true;
  try {
    copied = show(await measure());
    for (const id of ["copy", "send"]) find(id).hidden = id === "send" && location.protocol === "file:";
    find("result").value = copied;
  } finally {
    find("measure").disabled = false;
    busy("Measure again");
  }
};
find("copy").onclick = async () => { // without https there is no clipboard: then the text is selected
  find("result").hidden = false;
  find("result").select();
  try { await navigator.clipboard.writeText(copied); } catch { document.execCommand("copy"); }
  say("Copied; if not, copy the selected text.");
};
find("send").onclick = async () => {
  const answer = await fetch("table", { method: "POST", body: copied }).catch((error) => ({ statusText: error.message }));
  say(answer.ok ? "Sent to the notebook." : `Not sent: ${answer.statusText}. Copy it.`, !answer.ok);
};

names.forEach(card);
find("text").addEventListener("input", readAlong);
readAlong();
window.ready = performance.now() - started;
