/** The engine of kws in JavaScript: samples in, detections out, the integers of every other machine. */

const NO_WORD = 255;
const LOGIT_ONE = 1024; // scores are natural log-odds with 10 fractional bits

/** A model file that cannot be used; the message is one sentence. */
export class ModelError extends Error {
  name = "ModelError";
}

/** The posterior of a score, in [0, 1]. */
export const posteriorOf = (score) => 1 / (1 + Math.exp(-score / LOGIT_ONE));

/** Finds the words of one model in a stream of samples, in chunks of any length. */
export class Spotter {
  #engine;
  #buffer;
  #frameLength;

  /** Compiled kws.wasm, the bytes of a .kws file, and the name that a refusal calls them by. */
  constructor(module, model, name = "The model") {
    if (model?.byteLength === undefined) {
      throw new TypeError(`${name} is ${typeName(model)}: give the bytes of a .kws file.`);
    }
    const bytes = new Uint8Array(model.buffer ?? model, model.byteOffset ?? 0, model.byteLength);
    const engine = new WebAssembly.Instance(module).exports;
    const room = engine.kws_web_model_bytes();
    new Uint8Array(engine.memory.buffer, engine.kws_web_model(), room).set(bytes.subarray(0, room));
    this.#engine = engine;
    const status = engine.kws_web_start(bytes.length);
    if (status !== 0) {
      const reason = this.#text(engine.kws_web_status_text(status));
      throw new ModelError(
        `${name} cannot be used: ${reason} (code ${status}); take a .kws file that kws train wrote.`,
      );
    }
    this.#frameLength = engine.kws_web_frame_length();
    this.sampleRate = (this.#frameLength * 1000) / 32; // a frame is 32 ms
    this.bytes = bytes.length;
    try {
      const count = engine.kws_web_classes();
      this.classes = Array.from({ length: count }, (_, i) => this.#text(engine.kws_web_word(i)));
    } catch {
      throw new ModelError(`${name} has a class name that is not UTF-8; train the model again.`);
    }
    this.words = this.classes.filter((word) => !word.startsWith("_"));
    this.hopLength = engine.kws_web_hop_length();
    this.#buffer = new Int16Array(engine.memory.buffer, engine.kws_web_samples(), this.hopLength);
  }

  /**
   * Take samples at `sampleRate` (Int16Array, or Float32Array in [-1, 1)), and return the detections
   * that they complete. After each frame `onFrame(scores, frame)` is called with the scores of all
   * classes. TypeError on another type, RangeError on NaN and infinity: the stream is unchanged then.
   */
  process(samples, onFrame) {
    const whole = toInt16(samples);
    const found = [];
    for (let at = 0; at < whole.length; at += this.hopLength) {
      const part = whole.subarray(at, at + this.hopLength);
      this.#buffer.set(part);
      const before = this.frames;
      const word = this.#engine.kws_web_process(part.length); // at most one frame in a hop
      if (this.frames === before) continue;
      onFrame?.(this.scores, before);
      if (word === NO_WORD) continue;
      const score = posteriorOf(this.#engine.kws_web_score());
      found.push({ word: this.classes[word], time_s: this.#timeOf(before), score });
    }
    return found;
  }

  /** Frames analysed since the last reset. */
  get frames() {
    return this.#engine.kws_web_frames() >>> 0;
  }

  /** The smoothed log-odds times 1024 of every class, after the last frame: an Int16Array. */
  get scores() {
    const at = this.#engine.kws_web_scores();
    return new Int16Array(this.#engine.memory.buffer, at, this.classes.length).slice();
  }

  /** The posterior, above 0 and below 1, from which on a word counts as heard. */
  get threshold() {
    return posteriorOf(this.#engine.kws_web_threshold());
  }

  set threshold(posterior) {
    if (!(posterior > 0 && posterior < 1)) {
      throw new RangeError(
        `The threshold is ${posterior}; choose a posterior above 0 and below 1, such as 0.9.`,
      );
    }
    const score = Math.round(Math.log(posterior / (1 - posterior)) * LOGIT_ONE);
    this.#engine.kws_web_set_threshold(Math.max(-32768, Math.min(32767, score)));
  }

  /** Forget everything heard, as if the stream began here. */
  reset() {
    this.#engine.kws_web_reset();
  }

  #timeOf(frame) {
    return (frame * this.hopLength + this.#frameLength) / this.sampleRate; // its last sample has arrived
  }

  #text(at) {
    const bytes = new Uint8Array(this.#engine.memory.buffer, at);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, bytes.indexOf(0)));
  }
}

/** Int16 as it is; floats in [-1, 1) times 32768, rounded half to even and saturated. */
function toInt16(samples) {
  if (samples instanceof Int16Array) return samples;
  if (!(samples instanceof Float32Array)) {
    throw new TypeError(`The samples are ${typeName(samples)}: give an Int16Array or Float32Array.`);
  }
  const whole = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] * 32768;
    if (!Number.isFinite(value)) {
      throw new RangeError(`Sample ${i} is ${samples[i]}: give finite numbers.`);
    }
    const above = Math.round(value); // halves go up
    const rounded = above - value === 0.5 && above % 2 !== 0 ? above - 1 : above;
    whole[i] = Math.max(-32768, Math.min(32767, rounded));
  }
  return whole;
}

const typeName = (value) => value?.constructor?.name ?? String(value);
