"""The head's texture atlas: where each texel lies, holes filled, noise without seams."""
