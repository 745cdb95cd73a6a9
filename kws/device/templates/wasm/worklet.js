/** In the audio thread: gathers the microphone's samples and hands them on. Nothing else runs here. */

const BLOCK = 512; // samples a message, about 10 ms

class Samples extends AudioWorkletProcessor {
  block = new Float32Array(BLOCK);
  filled = 0;

  process([[samples]]) {
    for (let at = 0; samples !== undefined && at < samples.length; ) {
      const part = samples.subarray(at, at + BLOCK - this.filled);
      this.block.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === BLOCK) {
        this.port.postMessage(this.block, [this.block.buffer]);
        this.block = new Float32Array(BLOCK);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("kws-samples", Samples);
