"""How requests find pods: from the host, through the gateway, by the names and addresses of Services."""
