/** The best word's score over the last seconds in log-odds, its threshold, and what was heard. */

const SECONDS = 10;
const [LOWEST, HIGHEST] = [-8, 12]; // natural log-odds
const LINES = [0.01, 0.5, 0.99, 0.9999]; // posteriors

export class Strip {
  #canvas;
  #points = []; // { at: seconds, score: log-odds }, oldest first
  #heard = []; // { at, word }

  constructor(canvas) {
    this.#canvas = canvas;
    this.threshold = 0;
  }

  clear() {
    this.#points = [];
    this.#heard = [];
  }

  add(at, score) {
    this.#points.push({ at, score });
    if (this.#points[0].at < at - SECONDS - 1) this.#points.splice(0, 50);
  }

  mark(at, word) {
    this.#heard = [...this.#heard.filter((mark) => mark.at > at - SECONDS), { at, word }];
  }

  /** Draw it all, in the page's colours and at the screen's own resolution. */
  draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const dense = devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * dense);
    this.#canvas.height = Math.round(height * dense);
    const pen = this.#canvas.getContext("2d");
    pen.scale(dense, dense);
    pen.font = "12px system-ui, sans-serif";
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(`--${name}`);
    const now = this.#points.at(-1)?.at ?? 0;
    const x = (at) => width * (1 - (now - at) / SECONDS);
    const y = (score) => height * (1 - (clamp(score) - LOWEST) / (HIGHEST - LOWEST));
    this.#scale(pen, y, width, colour);
    this.#curve(pen, x, y, colour);
    this.#marks(pen, x, height, colour);
  }

  #scale(pen, y, width, colour) {
    for (const posterior of LINES) {
      const at = y(Math.log(posterior / (1 - posterior)));
      line(pen, colour("line"), [1, 3], [0, at], [width, at]);
      pen.fillStyle = colour("quiet");
      pen.textAlign = "left";
      pen.fillText(posterior, 4, at - 3);
    }
    const at = y(this.threshold);
    pen.lineWidth = 2;
    line(pen, colour("alarm"), [8, 4], [0, at], [width, at]);
    pen.fillStyle = colour("alarm");
    pen.textAlign = "right";
    pen.fillText("threshold", width - 4, at - 5);
  }

  #curve(pen, x, y, colour) {
    pen.lineWidth = 2;
    line(pen, colour("accent"), [], ...this.#points.map(({ at, score }) => [x(at), y(score)]));
  }

  #marks(pen, x, height, colour) {
    pen.lineWidth = 1;
    for (const { at, word } of this.#heard) {
      line(pen, colour("ink"), [], [x(at), 0], [x(at), height]);
      pen.fillStyle = colour("ink");
      pen.textAlign = x(at) > 100 ? "right" : "left";
      pen.fillText(word, x(at) + (x(at) > 100 ? -4 : 4), 14);
    }
  }
}

const clamp = (score) => Math.max(LOWEST, Math.min(HIGHEST, score));

function line(pen, colour, dashes, ...points) {
  pen.strokeStyle = colour;
  pen.setLineDash(dashes);
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.stroke();
}
