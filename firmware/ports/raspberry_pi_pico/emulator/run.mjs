// Runs an image: node run.mjs PLAN.json. The plan says { rom, uf2, recording (raw int16), seconds,
// type: [[seconds, "text"], ...], powerCuts: [seconds, ...], deafAfter: samples after which the first
// machine's converter stops, usb: whether a computer is at the cable, sleeps: [seconds at which it
// falls asleep, at which it wakes up, ...] }; the lines that the board sends
// come out with the time before them, and at the end a line of JSON.
// With "live": true bytes go from standard input to the board and from the board to standard output.
import { readFileSync, writeSync } from 'node:fs';
import { flashFrom, Machine, Recording } from './machine.mjs';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const rom = readFileSync(plan.rom);
let flash = flashFrom(readFileSync(plan.uf2));
const recording = new Recording(plan.recording);
const type = (plan.type ?? []).map(([at, text]) => [at * 1e9, Buffer.from(text, 'latin1')]);
const sleeps = (plan.sleeps ?? []).map((at, i) => [at * 1e9, i % 2 === 0]);
const cuts = (plan.powerCuts ?? []).map((at) => at * 1e9);
const end = plan.seconds * 1e9;
const started = Date.now();

let past = 0; // ns of the machines before this one
let lines = { uart: [], usb: [] }; // under way
let out = [];
const rates = new Set();
const last = {}; // when each of the two lines said something
const tally = { awake: 0, boots: 0, watchdogs: 0 };

function onByte(byte, rate) {
  rates.add(rate);
  if (plan.live) { out.push(byte); return; }
  const from = rate === 'usb' ? 'usb' : 'uart';
  last[from] = (past + machine.clock.nanos) / 1e9;
  if (byte !== 10) { lines[from].push(byte); return; }
  console.log(`${((past + machine.clock.nanos) / 1e9).toFixed(4)}\t${Buffer.from(lines[from]).toString('utf8')}`);
  lines[from] = [];
}

function powerOn(reason, deafAfter) {
  return new Machine({ rom: new Uint8Array(rom), flash, recording, onByte, reason, deafAfter, usb: plan.usb });
}

function powerOff() {
  flash = machine.flash;
  past += machine.clock.nanos;
  tally.awake += machine.wakeful;
  tally.boots += machine.boots;
}

let machine = powerOn(0, plan.deafAfter);
if (plan.live) process.stdin.on('data', (bytes) => machine.type(bytes)).on('error', () => {});

while (past + machine.clock.nanos < end) {
  const now = past + machine.clock.nanos;
  while (type.length && type[0][0] <= now) machine.type(type.shift()[1]);
  while (sleeps.length && sleeps[0][0] <= now) machine.sleep(sleeps.shift()[1]);
  const next = Math.min(end, sleeps[0]?.[0] ?? end, type[0]?.[0] ?? end, cuts[0] ?? end, now + 20e6);
  machine.run(next - past);
  if (machine.restart || (cuts.length && past + machine.clock.nanos >= cuts[0])) {
    const reason = machine.restart ? 1 : 0;
    tally.watchdogs += reason;
    if (!reason) cuts.shift();
    powerOff();
    lines = { uart: [], usb: [] };
    machine = powerOn(reason);
  }
  if (plan.live) {
    try { if (out.length) writeSync(1, Buffer.from(out)); } catch { break; } // the reader is gone
    out = [];
    await new Promise((resolve) => setImmediate(resolve));
  }
}
powerOff();
console[plan.live ? 'error' : 'log'](JSON.stringify({
  seconds: past / 1e9, samples: recording.at, awake: tally.awake / past, boots: tally.boots,
  watchdogs: tally.watchdogs, rates: [...rates], last, configuration: machine.configuration, wall_s: (Date.now() - started) / 1000,
}));
process.exit(0);
