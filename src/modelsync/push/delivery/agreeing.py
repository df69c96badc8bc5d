"""Whether what was read of objects is what their versions stand for.

A change that is committed, and not sequenced yet, has no version of its own. If its state went out with the
version before, and the object were changed back before anybody sequences, no version would ever rise again,
and whoever was sent that state would keep it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelsync.push.delivery.claiming import Claimed
from modelsync.tracking.among import among
from modelsync.tracking.models import Ledger
from modelsync.tracking.registry import Tracked
from modelsync.tracking.states import counting, digested, digests, key_of


def disagreeing(tracked: Tracked, jobs: Sequence[Claimed], found: Sequence[Any], using: str) -> set[Claimed]:
    """The jobs whose objects are in another state than that which has the job's version.

    `found` are the objects, with their values as they were read. Where the version has risen by now nothing
    is wrong: the job is due again.
    """
    names = [field.attname for field in counting(tracked)]
    pk = tracked.model._meta.pk.attname
    rows = {each.__dict__[pk]: [each.__dict__[name] for name in names] for each in found}
    there = digested(tracked, rows, using)
    keys = [job.key for job in jobs]
    read = {key_of(pk) for pk in rows}
    if missing := [key for key in keys if key not in read]:  # they are gone, or out of a filter
        there |= digests(tracked, missing, using)
    ledger = Ledger.objects.using(using).filter(among("object_pk", keys), model=tracked.label)
    known = {
        (key, version): None if deleted else bytes(digest)
        for key, version, deleted, digest in ledger.values_list("object_pk", "version", "deleted", "digest")
    }
    of_now = {job: known.get((job.key, job.version), there.get(job.key)) for job in jobs}
    return {job for job, digest in of_now.items() if digest != there.get(job.key)}
