"""Where packages are kept: by the protocol of their address."""
