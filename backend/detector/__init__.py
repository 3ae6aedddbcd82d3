"""The face detector: MediaPipe's networks, and where its landmarks lie on our head."""
