"""What only admission can see: rules that the pack has no form of, as no resource of a stack shows it.

`k8s-image-in-bill` is given the digests of an environment's bill of materials. Rego cannot verify a signature: whoever
writes the constraint verifies the bill's first (stacks/bills.py), and hands over digests alone.

`k8s-no-exec` lets one question through, word for word: which certificates a sidecar holds (`groundwork mesh root`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from components.labels import TENANT
from components.mesh.names import PROXY, SECRETS_QUESTION
from groundwork.errors import UserError
from policies.admission.templates import FOLDER, Manifest, constraint, template
from policies.rule import Rule, Severity
from policies.workloads import WORKLOADS

_DIGEST = re.compile(r"(?:^|@)(sha256:[0-9a-f]{64})$")

IN_BILL = Rule(
    id="k8s-image-in-bill",
    title="Images are those that the environment's bill of materials lists",
    severity=Severity.CRITICAL,
    frameworks=("NSA: Image verification", "SLSA: provenance"),
    remediation="promote what is to run: a bill is made and signed by `groundwork bill create`",
    types=WORKLOADS,
)
NO_EXEC = Rule(
    id="k8s-no-exec",
    title="Nobody enters a tenant's pods",
    severity=Severity.CRITICAL,
    frameworks=("CIS Kubernetes 5.1.1", "NSA: Authentication and authorization"),
    remediation="read the logs and traces; an ephemeral copy in a namespace of your own is for debugging",
    # What the API server makes of CONNECT on pods/exec, attach, portforward and proxy.
    types=frozenset({"PodExecOptions", "PodAttachOptions", "PodPortForwardOptions", "PodProxyOptions"}),
)
OWN = (IN_BILL, NO_EXEC)


def manifests(images: Iterable[str]) -> Iterator[Manifest]:
    """Template and constraint of each. `images`: of the verified bill, by digest. Raises UserError for any other."""
    folder = FOLDER / "own"
    digests = sorted({_digest(image) for image in images})
    yield template(IN_BILL, folder, {"digests": {"type": "array", "items": {"type": "string"}}})
    yield constraint(IN_BILL, parameters={"digests": digests})
    command = {"type": "array", "items": {"type": "string"}}
    question = {"type": "object", "properties": {"container": {"type": "string"}, "command": command}}
    yield template(NO_EXEC, folder, {"question": question})
    tenants = {"matchExpressions": [{"key": TENANT, "operator": "Exists"}]}
    asked = {"container": PROXY, "command": list(SECRETS_QUESTION)}
    yield constraint(NO_EXEC, match={"namespaceSelector": tenants}, parameters={"question": asked})


def _digest(image: str) -> str:
    found = _DIGEST.search(image)
    if found is None:
        raise UserError(
            what=f"image {image!r} of the bill is not by digest",
            where="admission",
            allowed="repository/name@sha256:… or sha256:…",
        )
    return found.group(1)
