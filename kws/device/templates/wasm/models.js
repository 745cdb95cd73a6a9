/** What this package holds, for whoever reads bytes: written by `kws export`. */

export const wasm = new URL("./kws.wasm", import.meta.url);

/** The models of this package, by name. */
export const models = {
@MODELS@
};
