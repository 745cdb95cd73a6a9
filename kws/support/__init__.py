"""What every floor may use: whole files, progress, plain text, threads, statistics."""
