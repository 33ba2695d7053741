"""Who gets which share of the traffic: built, and read back as plain data. Pure."""
