// node examples/node.js < samples.raw: mono int16, @RATE_HZ@ a second.
import { readFileSync } from "node:fs";

import { load } from "@LIBRARY@";

const bytes = new Uint8Array(readFileSync(0));
const samples = new Int16Array(bytes.buffer, 0, bytes.length >> 1);
const spotter = await load();
for (const { word, time_s, score } of spotter.process(samples)) {
  console.log(`${time_s.toFixed(2)} s  ${word}  ${score.toFixed(4)}`);
}
