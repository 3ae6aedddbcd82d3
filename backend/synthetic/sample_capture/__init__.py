"""The sample capture that the project makes itself: a painted head filmed by a made-up phone."""
