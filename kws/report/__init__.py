"""What a run leaves behind for people: pictures and the model card."""
