"""The sample capture that the project makes by itself: a painted head, filmed by a simulated phone."""
