"""The commands, with their options and all access to a cluster: a thin shell around the other rooms."""
