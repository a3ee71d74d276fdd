"use strict";
// The page: every model reads the typed text, the user can tap the suggestions, and the page measures the
// times on this device. engine.js has the models.

const find = (id) => document.getElementById(id);
const given = JSON.parse(find("given").textContent);
const { chars } = given, indexOf = new Map(chars.map((c, k) => [c, k]));
// What can be in a word: letters, marks and digits of every script, and what stands between them. in_words in savings.py says the same.
const WORD = /(?:(?![\ufe0e\ufe0f])[\p{L}\p{M}\p{N}'’\u200c\u200d-])*$/u;
const inWord = chars.map((c) => WORD.exec(c)[0] !== "");
const [models, engine] = networks(given.models, given.product);
models[given.ngram.name] = new NGram([...given.ngram.text].map((c) => indexOf.get(c)), chars.length, given.ngram.order);
const names = Object.keys(models);

function say(place, text, wrong = false) {
  find(place).textContent = text;
  find(place).classList.toggle("wrong", wrong);
}

// ----- Typing --------------------------------------------------------------------------------------

// The result of each model after each character: if a character is deleted, nothing is computed again.
const past = Object.fromEntries(names.map((name) => [name, []]));
const took = {};
let before = null, read = []; // the text before the cursor, and the indices of its characters that were read
const latest = (name) => past[name][past[name].length - 1];

const NAMES = { " ": "space", "\u200c": "ZWNJ", "\u200d": "ZWJ" }; // of characters that cannot be seen
const known = (text) => [...text].every((c) => indexOf.has(c));

// What is one character to a reader can be several in a text: a letter and its marks, or a family of emoji.
const graphemes = (text) => (Intl.Segmenter ? [...new Intl.Segmenter().segment(text)].map((one) => one.segment) : [...text]);

// Characters that stand for each other: a text has one of them, a keyboard types another.
const ALIKE = ["'\u2018\u2019\u05f3", '"\u201c\u201d\u201e\u00ab\u00bb\u05f4', "-\u2010\u2011\u2013\u2014"];
// Letters that Unicode never composes, although the text has them so.
const composed = chars.filter((c) => c.normalize("NFC") !== c);

// The same grapheme, as the training text may write it. The first form whose characters are all known counts, and if there is none,
// the typed one. As in the training text, white space is a space, and what cannot be seen is left out.
function asTrained(typed) {
  if (/^\s+$/u.test(typed)) return " ";
  if (/^(?![\u200c\u200d])[\p{Cc}\p{Cf}]$/u.test(typed)) return "";
  const alike = ALIKE.find((group) => group.includes(typed)) ?? (typed === "\u2026" ? ["..."] : []);
  const nfc = typed.normalize("NFC");
  const forms = [typed, ...alike, nfc, typed.normalize("NFD"), composed.reduce((text, c) => text.replaceAll(c.normalize("NFC"), c), nfc)];
  return forms.find(known) ?? typed;
}

// The models read the text before the cursor. This function is called twice for each key, because a key
// causes an input event and a change of the selection.
function readAlong() {
  const area = find("text"), text = area.value.slice(0, area.selectionEnd);
  if (text === before) return;
  before = text;
  const typed = graphemes(text).map(asTrained);
  const unknown = [...new Set(typed.filter((form) => !known(form)))].slice(0, 8);
  const now = [...typed.filter(known).join("")].map((c) => indexOf.get(c));
  let same = 0;
  while (same < now.length && now[same] === read[same]) same++;
  for (const name of names) {
    past[name].length = same;
    for (const index of now.slice(same)) {
      const begun = performance.now();
      past[name].push(models[name].step(index, latest(name)?.state ?? models[name].start()));
      took[name] = performance.now() - begun;
    }
  }
  read = now;
  const full = area.value.length >= area.maxLength ? `The text can have at most ${area.maxLength} characters. ` : "";
  say("said", full + (unknown.length ? `Ignored, because the training text does not have them: ${unknown.map((c) => NAMES[c] ?? c).join(" ")}` : ""));
  const [word] = WORD.exec(typed.join(""));
  for (const name of names) suggest(name, word);
}

function suggest(name, word) {
  const card = find(`card-${name}`), last = latest(name);
  const next = last ? likeliest(last.logits, given.suggestions) : [];
  const begun = performance.now(), found = last ? words(models[name], last, inWord, given) : [];
  const searched = performance.now() - begun;
  card.querySelectorAll(".characters button").forEach((button, k) => {
    const text = k in next ? chars[next[k]] : "";
    const label = NAMES[text] ?? (/^\p{M}/u.test(text) ? `◌${text}` : text); // a mark needs something that it can stand on
    offer(button, name, text === " " ? "␣" : label, text, label);
  });
  card.querySelectorAll(".words button").forEach((button, k) => {
    const rest = k in found ? found[k].map((index) => chars[index]).join("") : "";
    offer(button, name, rest && word + rest, rest && rest + (known(" ") ? " " : ""), rest && word + rest);
  });
  card.querySelector("small").textContent = last ? `key ${shown(took[name])}\nwords ${shown(searched)}` : "";
}

const shown = (ms) => (ms < tick ? `< ${Number(tick.toFixed(1))} ms` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`);

// A tap adds the text after the typed text. The focus does not change, so an on-screen keyboard stays open.
function offer(button, name, label, text, aloud) {
  button.firstElementChild.textContent = label || "–";
  button.disabled = !text;
  button.setAttribute("aria-label", `${name}: ${aloud || "nothing"}`);
  button.onmousedown = (event) => event.preventDefault();
  button.onclick = () => {
    const area = find("text"), room = area.maxLength - area.value.length;
    if (text.length > room) return;
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    readAlong();
  };
}

function addCard(name) {
  const made = find("card").content.firstElementChild.cloneNode(true);
  made.id = `card-${name}`;
  made.setAttribute("aria-label", name);
  made.style.setProperty("--own", given.colours[name] ?? "var(--ink)");
  for (const row of made.querySelectorAll("div")) row.append(...Array.from({ length: given.suggestions - 1 }, () => row.firstElementChild.cloneNode(true)));
  made.querySelector("h2").textContent = name;
  find("cards").append(made);
}

// ----- Measuring -----------------------------------------------------------------------------------

const pause = (ms = 0) => new Promise((done) => setTimeout(done, ms));
const TURN = 50; // keys of one model before the next model, so other work of the device affects all models equally
const PACE = 150; // ms between two keys of a person who types quickly
const TICKS = 20; // a repeated key lasts so many ticks of the clock, so its time is at most 5 per cent wrong

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

// Read the text once; return the perplexity and the largest difference from PyTorch's logits, where they are known.
async function compare(name) {
  const model = models[name], { text, every } = given, known = given.logits[name];
  const wanted = known && new Float32Array(bytesOf(known).buffer);
  let nats = 0, apart = known ? 0 : null, state = model.start(), logits;
  for (let k = 0; k < text.length; k++) {
    if (k) nats -= logSoftmax(logits)[text[k]];
    ({ logits, state } = model.step(text[k], state));
    if (known && k % every === 0) {
      const at = k / every * chars.length;
      logits.forEach((value, c) => { apart = Math.max(apart, Math.abs(value - wanted[at + c])); });
    }
    if (k % 100 === 0) { busy(`${name} reads ${k} of ${text.length}`); await pause(); }
  }
  return { perplexity: Math.exp(nats / (text.length - 1)), apart };
}

// Return the time of a key (ms) and the state after it. The key is repeated at least `times` times and for `lasting` ms.
function timed(model, index, state, times = 1, lasting = 0) {
  const begun = performance.now();
  let after, done = 0, now;
  do {
    after = model.step(index, state);
    if (++done >= times) now = performance.now();
  } while (done < times || now - begun < lasting);
  return [(now - begun) / done, after.state];
}

async function measure() {
  const { text } = given, result = {}, states = {}, paced = text.length / 10;
  for (const name of names) {
    result[name] = { ...await compare(name), burst: [], paced: [] };
    const [each] = timed(models[name], text[0], models[name].start(), 300, TICKS * tick);
    result[name].times = Math.ceil(TICKS * tick / each);
    states[name] = models[name].start();
  }
  for (let from = 0; from < text.length; from += TURN) {
    for (const name of names) {
      busy(`${from} of ${text.length} keys`);
      await pause();
      for (const index of text.slice(from, from + TURN)) {
        let ms;
        [ms, states[name]] = timed(models[name], index, states[name], result[name].times, TICKS * tick);
        result[name].burst.push(ms);
      }
    }
  }
  for (let k = 0; k < paced; k++) { // each key once: at typing pace a key is not repeated
    for (const name of names) {
      busy(`typing pace: ${k} of ${paced} keys`);
      await pause(PACE / names.length);
      const [ms, state] = timed(models[name], text[k], states[name]);
      result[name].paced.push(ms);
      states[name] = state;
    }
  }
  return result;
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const VALUES = { // the values of the table, by the names of the columns in lab/extras/phone/keyboard/write.py
  median: (r) => quantile(r.burst, 0.5).toFixed(3),
  p95: (r) => quantile(r.burst, 0.95).toFixed(3),
  p99: (r) => quantile(r.burst, 0.99).toFixed(3),
  meanAtPace: (r) => mean(r.paced).toFixed(3), // for single keys, the clock is most exact for the mean
  medianAtPace: (r) => quantile(r.paced, 0.5).toFixed(1),
  p95AtPace: (r) => quantile(r.paced, 0.95).toFixed(1),
  p99AtPace: (r) => quantile(r.paced, 0.99).toFixed(1),
  perplexity: (r) => r.perplexity.toFixed(4),
  inNotebook: (r, name) => given.perplexities[name].toFixed(4),
  apart: (r) => (r.apart === null ? "" : r.apart.toExponential(1)),
};

function show(result) {
  const columns = Object.keys(given.columns), value = (name) => (column) => VALUES[column](result[name], name);
  const grid = [["Model", ...Object.values(given.columns)], ...names.map((name) => [name, ...columns.map(value(name))])];
  find("table").textContent = "";
  find("wide").hidden = false;
  for (let row = 0; row < grid[0].length; row++) {
    const line = find("table").insertRow();
    grid.forEach((column, k) => {
      const cell = document.createElement(row && k ? "td" : "th");
      if (!row || !k) cell.scope = k ? "col" : "row";
      cell.textContent = column[row];
      line.append(cell);
    });
  }
  const right = (name) => Math.abs(result[name].perplexity / given.perplexities[name] - 1) <= given.allowed.off && (result[name].apart ?? 0) <= given.allowed.apart;
  const wrong = names.filter((name) => !right(name));
  say("verdict", wrong.length ? `The page does not compute the same as the notebook for: ${wrong.join(", ")}.` : "The page computes the same as the notebook, for each model.", wrong.length > 0);
  say("device", `${engine}, clock ticks of ${tick.toFixed(3)} ms, ${navigator.userAgent}`);
  return `${grid.map((row) => row.join(", ")).join("\n")}\n# page ${given.page}, ${find("device").textContent}\n`;
}

function busy(text) { find("measure").textContent = text; }

let copied = "", measuring = false;
find("measure").onclick = async () => { // not disabled, because a disabled button loses the focus
  if (measuring) return;
  measuring = true;
  for (const id of ["copy", "send", "result", "wide"]) find(id).hidden = true;
  for (const id of ["sent", "verdict", "device"]) say(id, "");
  try {
    copied = show(await measure());
    find("result").value = copied;
    find("copy").hidden = false;
    find("send").hidden = location.protocol !== "http:"; // hidden for a local file and for a course's site
  } finally {
    measuring = false;
    busy("Measure again");
  }
};
find("copy").onclick = async () => { // without https the clipboard may not work; then the text stays selected
  find("result").hidden = false;
  find("result").select();
  let done = true;
  try { await navigator.clipboard.writeText(copied); } catch { done = document.execCommand("copy"); }
  say("sent", done ? "The table is copied." : "Please copy the selected text yourself.");
};
find("send").onclick = async () => {
  try {
    const answer = await fetch("table", { method: "POST", body: copied });
    const said = await answer.text();
    say("sent", answer.ok ? "Sent to the notebook." : `Not sent. ${said}`, !answer.ok);
  } catch {
    say("sent", "Not sent, because the computer no longer serves this page. Copy the table instead.", true);
  }
};

const tick = clockTick();
names.forEach(addCard);
find("text").addEventListener("input", readAlong);
document.addEventListener("selectionchange", () => { if (document.activeElement === find("text")) readAlong(); });
find("text").addEventListener("focus", () => { // scroll to the top, above the on-screen keyboard
  if (matchMedia("(pointer: coarse), (max-height: 30rem)").matches) find("typing").scrollIntoView();
});
readAlong();
