"""One small module a contestant: its worker as its documentation recommends it, and how it is given jobs.

Those of the peers are run by another interpreter, with none of the studio's libraries.
"""
