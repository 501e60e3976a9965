"""The contestants, one small module each: its worker as its documentation recommends it, and how it gets jobs.

The peers' modules run in another interpreter, with none of the studio's libraries.
"""
