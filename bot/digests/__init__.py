"""What is looked at, against which limits, and when channels are told."""
