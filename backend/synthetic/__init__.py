"""What is made instead of filmed: painted persons, simulated and rendered captures."""
