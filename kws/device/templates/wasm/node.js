/** @LIBRARY@ in Node: hears @WORDS@, offline. */

import { readFile } from "node:fs/promises";

import { loader } from "./load.js";

export { listen, MicrophoneError } from "./microphone.js";
export { models } from "./models.js";
export { ModelError, posteriorOf, Spotter } from "./spotter.js";

/** A spotter with a model of this package (a name, or none: the first), or with bytes of a .kws file. */
export const load = loader((url) => readFile(url));
