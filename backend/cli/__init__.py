"""The command line and the process that runs one job folder. Nothing heavy is loaded at import."""
