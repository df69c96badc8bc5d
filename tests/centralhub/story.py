"""What happens at the site, told as JSON: run with the address to push to, and the key."""

from __future__ import annotations

import json
import sys
from typing import Any

import django
from django.core.management import call_command


def main(address: str, key: str) -> None:
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)

    from objectsyncer.models import Application, JobChange
    from objectsyncer.utils_srv import execute_jobchange

    from tests.centralhub.models import Label, Product, Unit

    application = Application.objects.create(name="branch", api_endpoint_base=address, api_token_key=key)

    def pushed() -> list[list[Any]]:
        """Push what waits, the newest first, so that what refers comes before what it refers to."""
        found = []
        for job in JobChange.objects.filter(status="WAITING").order_by("-pk"):
            execute_jobchange(job)
            found.append([job.target_model, job.status, job.last_operation_result])
        return found

    steps = []
    label = Label.objects.create(name="new")
    label.applications_active.add(application)
    product = Product(name="Chair", price="12.50", colour="red", facts={"legs": 4})
    product.save()
    product.labels.add(label)
    product.applications_active.add(application)
    steps.append(pushed())
    product.name = "Armchair"
    product.save()
    steps.append(pushed())
    Unit.objects.create(name="Ada")
    steps.append(pushed())
    application.api_token_key = "wrong"
    application.save()
    product.name = "Stool"
    product.save()
    steps.append(pushed())
    product.refresh_from_db()
    print(json.dumps({"steps": steps, "uuid": str(product.pk), "version": product.version}))


main(*sys.argv[1:])
