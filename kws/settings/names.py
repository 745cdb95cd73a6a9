"""The names that recipes, files and cards may use: cells, networks, optimizers, engines."""

RECURRENT_PEERS = ("gru", "lstm", "rnn")
CONVOLUTIONAL = ("ds_cnn", "bc_resnet")
CELLS = ("fastgrnn", "fastrnn", *RECURRENT_PEERS)  # with a state for every frame
NETWORKS = (*CELLS, *CONVOLUTIONAL)
OPTIMIZERS = ("adamw", "soap")
ENGINES = ("kokoro", "piper", "flite", "espeak", "festival")  # that `kws synthesize` speaks with
