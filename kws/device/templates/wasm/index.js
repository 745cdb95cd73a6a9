/** @LIBRARY@ in a browser: hears @WORDS@, offline. */

import { loader } from "./load.js";

export { listen, MicrophoneError } from "./microphone.js";
export { models } from "./models.js";
export { ModelError, posteriorOf, Spotter } from "./spotter.js";

/** A spotter with a model of this package (a name, or none: the first), or with bytes of a .kws file. */
export const load = loader(async (url) => {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} cannot be loaded: the server says ${answer.status}.`);
  return answer.arrayBuffer();
});
