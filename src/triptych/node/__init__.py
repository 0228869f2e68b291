"""The serving side of the open network: a machine that draws for others, by outbound connections alone."""
