"""The errors that a person can mend: one sentence that names the value and the remedy."""


class KwsError(Exception):
    """Base of every error that the command line prints as one line, with exit status 1."""


class AudioError(KwsError):
    """Samples or a sound file that cannot be used."""


class CorpusError(KwsError):
    """A folder of clips that cannot serve as training or test material."""


class ConfigError(KwsError):
    """A setting, recipe or combination of options that is not valid."""


class ModelError(KwsError):
    """A .kws file that the engine refuses, or a model that does not fit."""


class DownloadError(KwsError):
    """A download that could not be completed or verified."""


class ToolError(KwsError):
    """A program or package that is needed and not installed."""


class MicrophoneError(KwsError):
    """No microphone, or one that went away."""


class ServingError(KwsError):
    """An address that cannot be served, or what a client sent and no service understands."""
