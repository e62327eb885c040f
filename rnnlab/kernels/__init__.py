"""What an update spends its time on: recurrences with their gradient, readout, a loss; equal to the plain operations."""
