"""One job: its events, progress, device, lock and end."""
