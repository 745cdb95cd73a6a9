/** The page: models, the microphone, and what they say. All is loaded at the start; then no request. */

import { listen, load } from "../index.js";
import { Strip } from "./strip.js";

const LOGIT_ONE = 1024;
const MOST_HEARD = 200; // lines that are kept
const MUTED_AFTER_S = 3;
const LARGEST_FILE = 0xffff;

const the = (id) => document.getElementById(id);
const strip = new Strip(the("strip"));
const files = new Map(); // bytes of each model, by its option's value
let worklet; // worklet.js, as an address within the page
let spotter;
let own; // the threshold that the model states
let listening; // to the microphone, or undefined
let peak = 0; // since the last drawing
let silentSince = 0;

async function start() {
  const options = [...the("model").options];
  const fetched = options.map(async ({ value }) => files.set(value, await bytesOf(value)));
  const code = bytesOf("worklet.js");
  await Promise.all(fetched);
  worklet = URL.createObjectURL(new Blob([await code], { type: "text/javascript" }));
  await choose();
  for (const id of ["model", "file", "listen", "threshold", "own"]) the(id).disabled = false;
  say("Not listening.");
}

async function bytesOf(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} cannot be loaded: copy the whole folder to the server.`);
  return answer.arrayBuffer();
}

/** Take the model of the list; what listens goes on with it. */
async function choose() {
  const option = the("model").selectedOptions[0];
  use(await load(files.get(option.value), option.dataset.name));
}

function use(next) {
  spotter = next;
  if (listening) listening.spotter = next;
  strip.clear();
  const words = next.words.map((word) => `“${word}”`).join(", ");
  the("about").textContent =
    `hears ${words} in ${next.bytes.toLocaleString("en")} bytes, at ${next.sampleRate / 1000} kHz; ` +
    "or drop a .kws file anywhere on this page";
  own = next.threshold;
  setThreshold(own);
  draw();
}

/** A file that was dropped or opened. */
async function open(list) {
  fail("");
  const [file] = list;
  if (list.length !== 1) return fail(`You gave ${list.length || "no"} files: give one .kws file.`);
  try {
    const bytes = await file.slice(0, LARGEST_FILE + 1).arrayBuffer();
    const found = await load(bytes, file.name);
    const option = new Option(file.name, `file ${files.size}`, false, true);
    option.dataset.name = file.name;
    files.set(option.value, bytes);
    the("model").add(option);
    use(found);
  } catch (error) {
    fail(
      error.name === "ModelError" ? error.message : `${file.name} cannot be read: give a .kws file.`,
    );
  }
}

async function toggle() {
  fail("");
  if (listening) return stop("Not listening.");
  the("listen").disabled = true;
  say("Waiting for the microphone.");
  try {
    spotter.reset();
    strip.clear();
    listening = await listen(spotter, { worklet, onDetection, onFrame, onLevel, onEnd });
    listening.spotter = spotter; // chosen in the meantime
    silentSince = performance.now();
    the("listen").textContent = "Stop";
    say("Listening.");
  } catch (error) {
    say("Not listening.");
    fail(error.message);
  }
  the("listen").disabled = false;
}

function stop(why) {
  listening?.stop();
  listening = undefined;
  peak = 0;
  the("listen").textContent = "Listen";
  say(why);
  draw();
}

function onEnd(sentence) {
  stop("Not listening.");
  fail(sentence);
}

const secondsOf = (frames) => (frames * spotter.hopLength) / spotter.sampleRate;

function onFrame(scores, frame) {
  const best = Math.max(...scores.filter((_, i) => !spotter.classes[i].startsWith("_")));
  strip.add(secondsOf(frame), best / LOGIT_ONE);
}

function onDetection({ word, time_s, score }) {
  strip.mark(time_s, word);
  const item = document.createElement("li");
  item.dataset.seconds = time_s; // of sound, since the microphone was opened
  const time = new Date().toLocaleTimeString();
  for (const text of [time, word, score.toFixed(4)]) {
    item.append(Object.assign(document.createElement("span"), { textContent: text }), " ");
  }
  the("heard").prepend(item);
  the("heard").children[MOST_HEARD]?.remove();
  the("nothing").hidden = true;
}

function onLevel(blockPeak) {
  peak = Math.max(peak, blockPeak);
  if (blockPeak > 0) silentSince = performance.now();
}

/** The threshold as log-odds on the slider, and as the posterior that `kws listen` takes. */
function setThreshold(posterior) {
  spotter.threshold = posterior;
  const logOdds = Math.log(spotter.threshold / (1 - spotter.threshold));
  the("threshold").value = logOdds;
  showThreshold(logOdds);
}

function showThreshold(logOdds) {
  const text = (1 / (1 + Math.exp(-logOdds))).toFixed(4);
  the("posterior").textContent = text;
  the("threshold").setAttribute("aria-valuetext", `posterior ${text}`);
  strip.threshold = logOdds;
}

function slide() {
  const logOdds = Number(the("threshold").value);
  spotter.threshold = 1 / (1 + Math.exp(-logOdds));
  showThreshold(logOdds);
  draw();
}

function draw() {
  strip.draw();
  const decibels = peak > 0 ? Math.max(-60, 20 * Math.log10(peak)) : -60;
  the("level").value = Math.min(0, decibels);
  the("peak").textContent = !listening ? "-- dB" : peak >= 1 ? "clipped" : `${decibels.toFixed(0)} dB`;
}

/** Ten times a second: enough to follow, and little to draw. */
function tick() {
  if (!listening || document.hidden) return;
  draw();
  peak = 0;
  const isMuted = performance.now() - silentSince > 1000 * MUTED_AFTER_S;
  say(isMuted ? "Listening, but the microphone gives only zeros: it is muted." : "Listening.");
}

function say(text) {
  if (the("status").textContent !== text) the("status").textContent = text;
}

function fail(sentence) {
  the("error").textContent = sentence;
}

the("model").onchange = () => choose();
the("file").onchange = ({ target }) => open(target.files).then(() => (target.value = ""));
the("listen").onclick = toggle;
the("threshold").oninput = slide;
the("own").onclick = () => {
  setThreshold(own);
  draw();
};
document.ondragover = (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
};
document.ondragleave = ({ relatedTarget }) =>
  relatedTarget === null && document.body.classList.remove("dropping");
document.ondrop = (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  open(event.dataTransfer.files);
};
addEventListener("resize", draw);
setInterval(tick, matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 100);
start().catch((error) => {
  say("");
  fail(error.message);
});
