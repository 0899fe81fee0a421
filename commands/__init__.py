"""One slash command, or one family, a file; found by scan."""
