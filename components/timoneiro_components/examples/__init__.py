"""Tables of the use cases in pipelines/examples: one module for each, that knows nothing of the steps.

What is made up is made by a model that its module states, with a seed, so that the same rows come out everywhere; and
with the probability of each answer, so that it is known how good a model of them can be at best.
"""
