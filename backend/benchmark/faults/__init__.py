"""What interrupted jobs, full disks and damaged files do to an avatar folder."""
