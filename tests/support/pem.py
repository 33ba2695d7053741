"""A public key as people write it; who has the private half does not matter to the operator."""

PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEXN2lfGdoLgmpp5l0N9WSLqqkPoBU
MoTWNNWXMIQgFPQ6Ee2P9G2WyZwBvCLcC7xqkF1k8C3FoDCdDbmjhJO/5g==
-----END PUBLIC KEY-----
"""
