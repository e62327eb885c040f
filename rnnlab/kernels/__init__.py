"""What an update spends its time on, by hand: recurrences with their gradient, readout, a loss; equal to the plain loop."""
