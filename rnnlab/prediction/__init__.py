"""A trained model's answers to sequences of the user's own: from Python a piece at a time, or from file to file."""
