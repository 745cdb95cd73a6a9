/** A word was heard: `time_s` from the start of the stream, `score` its posterior in (0, 1). */
export interface Detection {
  word: string;
  time_s: number;
  score: number;
}

/** A model file that cannot be used; the message is one sentence. */
export class ModelError extends Error {}

/** The microphone cannot be used; the message is one sentence that says what to do. */
export class MicrophoneError extends Error {}

/** Called after each frame with the smoothed log-odds times 1024 of every class. */
export type OnFrame = (scores: Int16Array, frame: number) => void;

/** Finds the words of one model in a stream of samples, in chunks of any length. */
export class Spotter {
  /** Compiled kws.wasm, the bytes of a .kws file, and the name that a refusal calls them by. */
  constructor(module: WebAssembly.Module, model: ArrayBuffer | ArrayBufferView, name?: string);
  /** Samples a second that `process` takes: 16000, seldom 8000. */
  readonly sampleRate: number;
  /** Samples from one frame, and one score, to the next. */
  readonly hopLength: number;
  /** All classes, in the order of the scores. */
  readonly classes: string[];
  /** The classes that can be detected: those whose name does not open with "_". */
  readonly words: string[];
  /** Size of the model file. */
  readonly bytes: number;
  /** Frames analysed since the last reset. */
  readonly frames: number;
  /** The scores of every class after the last frame. */
  readonly scores: Int16Array;
  /** The posterior, above 0 and below 1, from which on a word counts as heard. */
  threshold: number;
  /** Take mono samples, int16 or floats in [-1, 1), and return the detections that they complete. */
  process(samples: Int16Array | Float32Array, onFrame?: OnFrame): Detection[];
  /** Forget everything heard, as if the stream began here. */
  reset(): void;
}

export interface ListenOptions {
  onDetection?: (detection: Detection) => void;
  onFrame?: OnFrame;
  /** The peak of each block of 512 samples: 0 is silence, 1 and above is clipped. */
  onLevel?: (peak: number) => void;
  /** The microphone went away; the sentence says what to do. */
  onEnd?: (sentence: string) => void;
  /** Where worklet.js lies, if not beside index.js. */
  worklet?: string | URL;
}

export interface Listening {
  /** What hears; another spotter may be put in its place. */
  spotter: Spotter;
  stop(): void;
}

/** Listen to the microphone (browsers only); call it from a click. */
export function listen(spotter: Spotter, options?: ListenOptions): Promise<Listening>;

/** The models of this package, by name. */
export const models: Readonly<Record<string, URL>>;

/** A spotter with a model of this package (a name, or none: the first), or with bytes of a .kws file. */
export function load(
  model?: string | ArrayBuffer | ArrayBufferView,
  name?: string,
): Promise<Spotter>;

/** The posterior of a score, in [0, 1]. */
export function posteriorOf(score: number): number;
