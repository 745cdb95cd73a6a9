"""Sound: any file or array becomes mono int16 samples."""
