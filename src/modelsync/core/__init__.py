"""The vocabulary and the rules of synchronisation: standard library only, pure, no Django.

What belongs here: values (records, outcomes, reports), the decisions about one record, the ports
that sources and targets implement, the error tree. What never does: input, output, SQL, settings.
"""
