/** The microphone of a browser, into a spotter. */

import { Resampler } from "./resampler.js";

const WORKLET = new URL("./worklet.js", import.meta.url);

/** The microphone cannot be used; the message is one sentence that says what to do. */
export class MicrophoneError extends Error {
  name = "MicrophoneError";
}

/**
 * Listen to the microphone with a spotter, at whatever rate the device has; resolves once it runs.
 *
 * onDetection({ word, time_s, score }), onFrame(scores, frame), onLevel(peak of a block, 0 to 1 and
 * beyond), onEnd(sentence) where the microphone goes away. `worklet`: another place of worklet.js.
 * Returns { stop(), spotter }: another spotter may be put in its place. Call it from a click.
 * MicrophoneError where the browser or the user does not allow it.
 */
export async function listen(spotter, options = {}) {
  const why = missing();
  if (why) throw new MicrophoneError(why);
  const stream = await open();
  const context = new AudioContext();
  const listening = { spotter, stop: () => close(stream, context) };
  const deviceHz = Math.round(context.sampleRate);
  try {
    await context.audioWorklet.addModule(options.worklet ?? WORKLET);
    await context.resume();
    const node = new AudioWorkletNode(context, "kws-samples", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
    });
    const take = hear(listening, deviceHz, options);
    node.port.onmessage = ({ data }) => context.state === "closed" || take(data); // some are on the way
    context.createMediaStreamSource(stream).connect(node);
  } catch (error) {
    listening.stop();
    throw new MicrophoneError(`The microphone cannot be heard: ${sentence(error.message)}`);
  }
  stream.getAudioTracks()[0].onended = () => {
    listening.stop();
    options.onEnd?.("The microphone went away: plug it in again, then listen again.");
  };
  return listening;
}

/** What a block of the device's samples goes through. */
function hear(listening, deviceHz, { onDetection, onFrame, onLevel }) {
  let resampler;
  return (data) => {
    const { spotter } = listening;
    if (resampler?.toHz !== spotter.sampleRate) {
      resampler = new Resampler(deviceHz, spotter.sampleRate);
    }
    onLevel?.(data.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0));
    for (const found of spotter.process(resampler.process(data), onFrame)) onDetection?.(found);
  };
}

function missing() {
  if (!globalThis.isSecureContext) {
    return "A browser gives the microphone to secure pages only: open this one over https or from localhost.";
  }
  if (!globalThis.AudioWorkletNode || !navigator.mediaDevices?.getUserMedia) {
    return "This browser has no AudioWorklet: take Chrome or Edge 80, Firefox 90 or Safari 15, or a later one.";
  }
}

/** As it is: what makes speech pleasant (echo, noise, gain) makes other sound than was trained on. */
async function open() {
  const audio = {
    channelCount: 1,
    echoCancellation: false,
    noiseSuppression: false,
    autoGainControl: false,
  };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new MicrophoneError(REFUSALS[error.name] ?? `The microphone cannot be opened: ${sentence(error.message)}`);
  }
}

const REFUSALS = {
  NotAllowedError: "The microphone is not allowed: allow it for this page in the browser, then listen again.",
  NotFoundError: "There is no microphone: plug one in, then listen again.",
  NotReadableError: "The microphone is in use or broken: close what uses it, then listen again.",
};

const sentence = (text) => `${text.replace(/\.*$/, "")}.`;

function close(stream, context) {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
  if (context.state !== "closed") context.close();
}
