/** From bytes to a spotter; where bytes come from is the browser's or Node's. */

import { models, wasm } from "./models.js";
import { Spotter } from "./spotter.js";

/** The function `load`, with `read(url)` for bytes; the engine is compiled once. */
export function loader(read) {
  let compiled;
  return async (model = Object.keys(models)[0], name = "The model") => {
    compiled ??= read(wasm).then((bytes) => WebAssembly.compile(bytes));
    compiled.catch(() => (compiled = undefined)); // the network may be back for another try
    if (typeof model !== "string") return new Spotter(await compiled, model, name);
    if (!Object.hasOwn(models, model)) {
      const known = Object.keys(models).join(" or ");
      throw new RangeError(`There is no model "${model}" in this package: take ${known}.`);
    }
    return new Spotter(await compiled, await read(models[model]), model);
  };
}
