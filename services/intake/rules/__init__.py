"""Pure decisions of intake: what is wrong with a body, what stands against it, what it becomes on the log. No I/O,
clock or randomness.
"""
