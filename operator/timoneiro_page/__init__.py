"""Pages that need nothing else: no script, no font, no network. Standard library only.

What reports of rollouts and of models share: the document around a page, its style, small pieces of HTML, and charts.
"""
