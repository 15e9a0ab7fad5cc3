"""Types of EKS that answer in another form than they are asked."""

from __future__ import annotations

from local.aws_plugin.account import CallError
from local.aws_plugin.resource import Resource
from local.plugin.values import Json, Object


class Addon(Resource):
    """It is given roles for its service accounts, and tells the names of the associations that EKS made of them."""

    def adapt(self, found: Object, known: Object) -> Object:
        """See `Resource.adapt`."""
        names = found.get("podIdentityAssociations")
        if not names:
            return found
        rows = [self._association(str(known["clusterName"]), str(name)) for name in names]
        return {**found, "podIdentityAssociations": [row for row in rows if row is not None]}

    def _association(self, cluster: str, arn: str) -> Json:
        """What it says; None where somebody has taken it away."""
        asked: Object = {"clusterName": cluster, "associationId": arn.rpartition("/")[2]}
        try:
            row = self.account.call("eks", "DescribePodIdentityAssociation", asked)["association"]
        except CallError as error:
            if "NotFound" not in error.error:
                raise
            return None
        return {key: row[key] for key in ("serviceAccount", "roleArn")}
