"""Receiving: what others push becomes what the models here hold.

`version1` and `version2` read requests into arrivals and write answers, `taking` brings arrivals into the
models: `fences` says which are news, `target` applies them through the engine, `shelf` keeps what has to
wait for something else. `view` is the address.
"""
