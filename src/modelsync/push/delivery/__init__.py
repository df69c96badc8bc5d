"""Delivery: claim what is due, send it, settle what became of it. No transaction is open meanwhile.

`draining` is the loop, `claiming` and `settling` its ends in the database; `composing` reads the states
that are sent, `wires` writes them and reads the answers; what an answer means is decided in `verdicts`, when
to try again in `schedule`.
"""
