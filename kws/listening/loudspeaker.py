"""Playing a recording to the person who made it, through sounddevice."""

from kws.audio.samples import Samples
from kws.errors import MicrophoneError
from kws.listening import microphone
from kws.settings.front_end import SAMPLE_RATE_HZ


def play(samples: Samples, sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Play int16 samples to their end; MicrophoneError where the sound system does not."""
    sounddevice = microphone._sounddevice()
    try:
        sounddevice.play(samples, sample_rate_hz, blocking=True)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise MicrophoneError(
            f"the loudspeaker does not play ({error}): leave it out with --no-playback"
        ) from error
