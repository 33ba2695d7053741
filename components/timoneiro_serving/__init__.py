"""The model server: loads one packaged model and answers the KServe v1 and v2 protocols.

Nothing is imported here: `digest`, `manifest`, `inputs` and `loading` are also used by the
pipeline steps, which must not pay for KServe.
"""
