"""The names that a recipe may use: cells, networks, optimizers."""

RECURRENT_PEERS = ("gru", "lstm", "rnn")
CONVOLUTIONAL = ("ds_cnn", "bc_resnet")
CELLS = ("fastgrnn", "fastrnn", *RECURRENT_PEERS)  # with a state for every frame
NETWORKS = (*CELLS, *CONVOLUTIONAL)
OPTIMIZERS = ("adamw", "soap")
