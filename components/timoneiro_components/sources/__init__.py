"""Where tables come from: each source gives Arrow data, typed as the definition says, and faults with their rows."""
