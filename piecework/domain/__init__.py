"""What the marketplace talks about, as immutable values: nothing here reads a clock, an environment, a file or a network."""
