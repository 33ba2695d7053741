"""One rollout as a page and as data: what is said (content), from where (gather), and how it is drawn (page).

Pure: the model cards, which a person names, are handed in. The pictures are SVG of our own, because the command
line must stay small and they are a few lines on two scales.
"""
