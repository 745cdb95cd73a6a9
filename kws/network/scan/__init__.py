"""The FastGRNN recurrence of training, in C."""
