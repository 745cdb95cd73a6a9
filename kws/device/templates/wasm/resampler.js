/** Another sample rate: a low-pass filter of windowed sinc, with weights for each place in between. */

const CROSSINGS = 32; // zeros of the sinc on each side: 2 ms at 16 kHz
const BETA = 8; // of the Kaiser window: aliases are 80 dB down
const CUTOFF = 0.92; // of half the lower rate

/** Changes the rate of a stream; what comes out is the same for every split into chunks. */
export class Resampler {
  #step;
  #scale;
  #reach;
  #weights = new Map(); // by the place between two samples, in parts of #step[1]
  #waiting;
  #first; // index of the first sample that waits, in the stream
  #given = 0;

  constructor(fromHz, toHz) {
    this.fromHz = fromHz;
    this.toHz = toHz;
    const common = gcd(fromHz, toHz);
    this.#step = [fromHz / common, toHz / common]; // whole numbers, so that time never drifts
    this.#scale = CUTOFF * Math.min(1, toHz / fromHz);
    this.#reach = Math.ceil(CROSSINGS / this.#scale);
    this.#waiting = new Float32Array(this.#reach); // silence goes before
    this.#first = -this.#reach;
  }

  /** Take a Float32Array of samples, return as many as they complete. */
  process(samples) {
    if (this.fromHz === this.toHz) return samples;
    const held = new Float32Array(this.#waiting.length + samples.length);
    held.set(this.#waiting);
    held.set(samples, this.#waiting.length);
    const [from, to] = this.#step;
    const out = [];
    let whole = this.#place();
    for (; whole + this.#reach < this.#first + held.length; whole = this.#place()) {
      const weights = this.#weightsAt((this.#given * from) % to);
      const at = whole - this.#first - this.#reach + 1;
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * held[at + i];
      out.push(sum);
      this.#given += 1;
    }
    const spent = Math.min(held.length, Math.max(0, whole - this.#reach - this.#first));
    this.#waiting = held.slice(spent);
    this.#first += spent;
    return Float32Array.from(out);
  }

  /** Where the next output lies among the input's samples, rounded down. */
  #place() {
    return Math.floor((this.#given * this.#step[0]) / this.#step[1]);
  }

  /** The weights of the samples around an output that lies `part` behind one of them. */
  #weightsAt(part) {
    let weights = this.#weights.get(part);
    if (weights === undefined) {
      weights = Float64Array.from({ length: 2 * this.#reach }, (_, i) => {
        const distance = i - this.#reach + 1 - part / this.#step[1];
        return this.#scale * windowedSinc(distance * this.#scale);
      });
      this.#weights.set(part, weights);
    }
    return weights;
  }
}

function windowedSinc(x) {
  if (Math.abs(x) >= CROSSINGS) return 0;
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  return (sinc * bessel(BETA * Math.sqrt(1 - (x / CROSSINGS) ** 2))) / bessel(BETA);
}

/** The modified Bessel function of order 0, by its series. */
function bessel(x) {
  let sum = 1;
  for (let k = 1, term = 1; term > 1e-12 * sum; k++) sum += term *= (x / 2 / k) ** 2;
  return sum;
}

function gcd(a, b) {
  return b === 0 ? a : gcd(b, a % b);
}
