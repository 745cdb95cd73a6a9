"""What a model and its training are made with; neither torch nor the engine is needed."""
