"""What the bot does by itself where a watch has found a problem, as far as the configuration allows it by name."""
