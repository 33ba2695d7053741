"""Whom sources of counts ask, and with what: the pods of an arm and of a gateway, and tokens for Prometheus."""
