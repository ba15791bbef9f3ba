"""Real answers, sent through the whole marketplace: `piecework replay`."""
