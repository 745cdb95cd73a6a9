// A Raspberry Pi Pico in rp2040js, with what the package leaves out: a boot ROM from a file, a UART
// that takes its time, an analog or an I2S microphone, a watchdog that restarts it.
import { RP2040, USBCDC } from 'rp2040js';
import { readFileSync } from 'node:fs';

const UART_FIFO = 32;
const TX_INTERRUPT = 1 << 5;
const TX_FULL = 1 << 5;
const BUSY = 1 << 3;
const SIE_STATUS = 0x50, SUSPENDED = 1 << 4, RESUMED = 1 << 11; // of USB
const SUSPEND_INTERRUPT = 1 << 14, RESUME_INTERRUPT = 1 << 15;
const I2S_CLOCK = 10, I2S_SELECT = 11, I2S_DATA = 12;

/** Flash of 16 MB, erased, with a UF2 file in it. */
export function flashFrom(uf2) {
  const flash = new Uint8Array(16 << 20).fill(0xff);
  for (let at = 0; at < uf2.length; at += 512) {
    if (uf2.readUInt32LE(at) !== 0x0a324655 || uf2.readUInt32LE(at + 508) !== 0x0ab16f30)
      throw new Error(`block ${at / 512} is not UF2`);
    const address = uf2.readUInt32LE(at + 12), size = uf2.readUInt32LE(at + 16);
    flash.set(uf2.subarray(at + 32, at + 32 + size), address - 0x10000000);
  }
  return flash;
}

/** int16 samples of a raw file; `next()` gives one after the other, then silence. */
export class Recording {
  constructor(path) {
    this.bytes = path ? readFileSync(path) : Buffer.alloc(0);
    this.at = 0;
  }
  next() {
    const sample = 2 * this.at < this.bytes.length ? this.bytes.readInt16LE(2 * this.at) : 0;
    this.at++;
    return sample;
  }
}

export class Machine {
  /** onByte(byte): what the UART sends. flash is taken over and written to. */
  constructor({ rom, flash, recording, onByte, reason = 0, deafAfter = Infinity, usb = false }) {
    const chip = (this.chip = new RP2040());
    this.clock = chip.clock;
    this.recording = recording;
    this.onByte = onByte;
    this.deafAfter = deafAfter; // samples; then the converter stops
    this.restart = null; // set when the watchdog bit
    this.wakeful = 0; // ns awake
    this.boots = 0;
    chip.logger = { debug() {}, info() {}, warn() {}, error: (who, what) => console.error(who, what) };
    // Setting this through `flash` would leave the package's other views at the old bytes.
    chip.flash.set(flash);
    this.flash = chip.flash;
    chip.bootrom.set(new Uint32Array(rom.buffer, rom.byteOffset, rom.length >> 2));
    chip.onBreak = (code) => { throw new Error(`breakpoint ${code}: the boot ROM found no valid second-stage boot`); };
    chip.watchdog = chip.peripherals[0x40058];
    chip.watchdog.reason = reason;
    chip.watchdog.onWatchdogTrigger = () => {
      this.restart = 'watchdog';
      chip.watchdog.alarm.enable = false; // else it would fire for ever at this very moment
    };
    this.#connectUart(chip.uart[0]);
    if (usb) this.#connectUsb(chip.usbCtrl);
    this.#connectAdc(chip.adc);
    this.#connectI2s(chip.pio[0]);
    chip.core.VTOR = 0;
    chip.core.reset(); // stack and first instruction from the boot ROM, as in the chip
  }

  #connectUart(uart) {
    const waiting = [];
    const interrupt = () => this.chip.setInterrupt(uart.irq, !!(uart.interruptStatus & uart.interruptMask));
    uart.checkInterrupts = interrupt;
    const flags = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(uart), 'flags').get;
    Object.defineProperty(uart, 'flags', {
      get: () => flags.call(uart) | (waiting.length >= UART_FIFO ? TX_FULL : 0) | (waiting.length ? BUSY : 0),
    });
    const byteTime = () => 1e10 / uart.baudRate;
    const alarm = this.clock.createAlarm(() => {
      this.onByte(waiting.shift(), uart.baudRate);
      if (waiting.length === UART_FIFO / 2) { uart.interruptStatus |= TX_INTERRUPT; interrupt(); }
      if (waiting.length) alarm.schedule(byteTime());
    });
    uart.onByte = (byte) => {
      if (waiting.length >= UART_FIFO) throw new Error('the image wrote to a full UART');
      waiting.push(byte);
      if (waiting.length === 1) alarm.schedule(byteTime());
    };
    const typed = [];
    const key = this.clock.createAlarm(() => {
      uart.feedByte(typed.shift());
      if (typed.length) key.schedule(byteTime());
    });
    this.type = (bytes) => {
      const idle = typed.length === 0;
      typed.push(...bytes);
      if (idle && typed.length) key.schedule(byteTime());
    };
  }

  // A computer at the USB cable that opens the port at once; then the line goes there.
  #connectUsb(usb) {
    const host = new USBCDC(usb);
    const typed = [];
    let wanted = 0; // bytes that the board is ready for: the package would send it nothing, again and again
    const send = () => {
      if (!wanted || !typed.length) return;
      usb.endpointReadDone(host.outEndpoint, Uint8Array.from(typed.splice(0, wanted)));
      wanted = 0;
    };
    usb.onEndpointRead = (endpoint, size) => {
      if (endpoint !== host.outEndpoint) return;
      wanted = size;
      send();
    };
    // The computer sleeps, and wakes up; the package knows neither of the two.
    const write = usb.writeUint32.bind(usb);
    usb.writeUint32 = (offset, value) => {
      if (offset === SIE_STATUS && usb.rawWriteValue & SUSPENDED) { usb.sieStatus &= ~SUSPENDED; usb.intRaw &= ~SUSPEND_INTERRUPT; }
      if (offset === SIE_STATUS && usb.rawWriteValue & RESUMED) usb.intRaw &= ~RESUME_INTERRUPT;
      write(offset, value);
    };
    this.sleep = (sleeps) => {
      usb.sieStatus |= sleeps ? SUSPENDED : RESUMED;
      usb.intRaw |= sleeps ? SUSPEND_INTERRUPT : RESUME_INTERRUPT;
      usb.checkInterrupts();
    };
    host.onDeviceConnected = () => { this.configuration = host.descriptors; };
    host.onSerialData = (bytes) => { for (const byte of bytes) this.onByte(byte, 'usb'); };
    this.type = (bytes) => { typed.push(...bytes); send(); };
  }

  #connectAdc(adc) {
    const done = this.clock.createAlarm(() => adc.completeADCRead(2048 + (this.recording.next() >> 4), false));
    adc.onADCRead = () => { if (this.recording.at < this.deafAfter) done.schedule(2000); };
  }

  // An INMP441 that is the left channel, and a second one of which nothing may arrive.
  #connectI2s(pio) {
    let select = 1, clock = 0, word = 0, bit = 32, period = 0;
    const edge = () => {
      const nowClock = pio.pinValues >> I2S_CLOCK & 1, nowSelect = pio.pinValues >> I2S_SELECT & 1;
      if (nowClock && !clock && nowSelect !== select) {
        select = nowSelect;
        bit = 31;
        // 24 bits; the sample stands 24 dB below the microphone's full scale, with noise below it
        const sample = select ? -1 : (this.recording.next() << 12) | (this.recording.at * 2654435761 >>> 28) << 8;
        word = select ? 0x5a5a5a00 : sample;
      }
      if (!nowClock && clock) {
        this.chip.gpio[I2S_DATA].setInputValue(bit >= 0 && (word >> bit & 1) === 1);
        bit--;
      }
      clock = nowClock;
    };
    const tick = this.clock.createAlarm(() => {
      if (!pio.machines[0].enabled) return;
      pio.machines[0].step();
      edge();
      tick.schedule(period);
    });
    // The package steps all four machines by setTimeout and at no rate at all.
    pio.run = () => {
      const machine = pio.machines[0];
      period = (1e9 / this.chip.clkSys) * (machine.clockDivInt + machine.clockDivFrac / 256);
      tick.schedule(period);
    };
  }

  /** Runs up to this time of its own clock, in ns; ends early when the watchdog bites. */
  run(until) {
    const { chip, clock } = this, { core } = chip;
    while (clock.nanos < until && !this.restart) {
      if (core.waiting) {
        // A pending interrupt ends WFI also where PRIMASK holds it back; the package forgets that.
        if (core.pendingInterrupts & core.enabledInterrupts) { core.waiting = false; continue; }
        const sleep = clock.nanosToNextAlarm;
        if (!sleep && !clock.nextAlarm) throw new Error('asleep for ever');
        clock.tick(sleep);
        continue;
      }
      const cycleTime = 1e9 / chip.clkSys;
      for (let i = 0; i < 200 && !core.waiting; i++) {
        if (core.PC === 0x20041f00) this.boots++;
        const time = core.executeInstruction() * cycleTime;
        this.wakeful += time;
        clock.tick(time);
      }
    }
  }
}
