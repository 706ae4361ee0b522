"""The evaluation's pure decisions: statistics, rates, agreement of stages, short boards, suggested class. No I/O, no
clock.
"""
