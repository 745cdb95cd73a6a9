"""What is trained: cells, peers, quantization, and what a network costs."""
