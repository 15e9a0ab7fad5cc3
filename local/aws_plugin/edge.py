"""Types at the edge: names, certificates, rules of listeners and of the firewall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from groundwork.waiting import wait_until
from local.aws_plugin.account import CallError
from local.aws_plugin.calls import Caller
from local.aws_plugin.resource import Resource
from local.plugin.errors import PluginError
from local.plugin.values import Json, Object

_FIELDS: Final = {
    "hostHeader": "host-header",
    "pathPattern": "path-pattern",
    "httpHeader": "http-header",
    "httpRequestMethod": "http-request-method",
    "queryStrings": "query-string",
    "sourceIp": "source-ip",
}
_RECORD_SECONDS = 120.0
_TRIES = 20


class Balancer(Resource):
    """A load balancer or a group of targets: metrics name it by the end of its name."""

    def adapt(self, found: Object, known: Object) -> Object:  # noqa: ARG002 - what is known does not matter
        """See `Resource.adapt`."""
        arn = str(found.get("TargetGroupArn") or found["LoadBalancerArn"])
        return {**found, "ArnSuffix": arn.rpartition(":")[2].removeprefix("loadbalancer/")}


class ListenerRule(Resource):
    """The API wants to be told which kind of condition a condition is, and a priority: after all others, if none."""

    def _make(self, inputs: Object, given: Object, token: str) -> Object:
        if inputs.get("priority"):
            return super()._make(inputs, given, token)
        for left in reversed(range(_TRIES)):
            try:
                return super()._make({**inputs, "priority": self._last(inputs) + 1}, given, token)
            except CallError as error:
                # Somebody else's rule took it meanwhile.
                if error.error != "PriorityInUse" or not left:
                    raise
        raise AssertionError

    def _last(self, inputs: Object) -> int:
        region = self.caller(inputs).region
        rules = self.account.call("elbv2", "DescribeRules", {"ListenerArn": inputs["listenerArn"]}, region)["Rules"]
        return max((int(rule["Priority"]) for rule in rules if rule["Priority"].isdigit()), default=0)

    def prepare(self, properties: Object) -> Object:
        """See `Resource.prepare`."""
        rows = properties.get("conditions")
        if not isinstance(rows, list):
            return properties
        return {**properties, "conditions": [_condition(row) for row in rows]}


def _condition(row: Object) -> Object:
    kind = next((key for key in row if key in _FIELDS), None)
    if kind is None:
        return row
    inner = {"values": row[kind]} if kind == "queryStrings" else row[kind]
    return {**row, kind: inner, "Field": _FIELDS[kind]}


class WebAcl(Resource):
    """Whoever changes it shows that he has seen its last state."""

    def caller(self, properties: Mapping[str, Json], identifier: str = "", token: str = "") -> Caller:
        """See `Resource.caller`."""
        caller = super().caller(properties, identifier, token)

        def lock() -> str:
            named = caller.fill({"Name": "$name", "Scope": "$scope", "Id": identifier}, properties)
            return str(self.account.call("wafv2", "GetWebACL", named, caller.region)["LockToken"])

        return replace(caller, words={**caller.words, "lockToken": lock})


class Zone(Resource):
    """Its id is shown with a folder in front."""

    def identify(self, answer: Object, properties: Object) -> str:
        """See `Resource.identify`."""
        return super().identify(answer, properties).rpartition("/")[2]

    def words_of(self, identifier: str) -> Object:
        """See `Resource.words_of`."""
        return {"_zone": identifier.rpartition("/")[2]}

    def adapt(self, found: Object, known: Object) -> Object:  # noqa: ARG002 - what is known does not matter
        """See `Resource.adapt`."""
        return {**found, "Id": str(found["Id"]).rpartition("/")[2], "Name": str(found["Name"]).rstrip(".")}

    def delete(self, identifier: str, properties: Mapping[str, Json]) -> None:
        """End it, with its records where `forceDestroy` says so."""
        if properties.get("forceDestroy"):
            for record in _records(self, identifier):
                if record["Type"] not in ("NS", "SOA"):
                    _change(self, identifier, "DELETE", record)
        super().delete(identifier, properties)


def _records(resource: Resource, zone: str) -> list[Object]:
    try:
        found = resource.account.call("route53", "ListResourceRecordSets", {"HostedZoneId": zone})
    except CallError as error:
        if error.error in resource.row.missing:
            return []
        raise
    rows: list[Object] = found["ResourceRecordSets"]
    return rows


def _change(resource: Resource, zone: str, action: str, record: Object) -> None:
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    resource.account.call("route53", "ChangeResourceRecordSets", {"HostedZoneId": zone, "ChangeBatch": batch})


class Record(Resource):
    """One set of records of a zone; sent whole, and found among the zone's others."""

    def prepare(self, properties: Object) -> Object:
        """See `Resource.prepare`."""
        given = properties
        known: Object = {
            "Name": given.get("name"),
            "Type": given.get("type"),
            "TTL": given.get("ttl"),
            "SetIdentifier": given.get("setIdentifier"),
            "HealthCheckId": given.get("healthCheckId"),
            "ResourceRecords": [{"Value": value} for value in given.get("records") or []] or None,
        }
        for alias in given.get("aliases") or []:
            known["AliasTarget"] = {
                "HostedZoneId": alias.get("zoneId"),
                "DNSName": alias.get("name"),
                "EvaluateTargetHealth": alias.get("evaluateTargetHealth", False),
            }
        for policy in given.get("failoverRoutingPolicies") or []:
            known["Failover"] = policy.get("type")
        for policy in given.get("weightedRoutingPolicies") or []:
            known["Weight"] = policy.get("weight")
        for policy in given.get("latencyRoutingPolicies") or []:
            known["Region"] = policy.get("region")
        record = {key: value for key, value in known.items() if value is not None}
        # A record that is there is somebody else's, unless it is this one that changes.
        action = "UPSERT" if given.get("allowOverwrite") or "fqdn" in given else "CREATE"
        return {**given, "_set": record, "_action": action}

    def adapt(self, found: Object, known: Object) -> Object:
        """See `Resource.adapt`."""
        wanted = (_name(known.get("name")), known.get("type"), known.get("setIdentifier"))
        for row in found.get("ResourceRecordSets", []):
            if (_name(row["Name"]), row["Type"], row.get("SetIdentifier")) == wanted:
                return _as_properties(row, known)
        return {"gone": True}

    def delete(self, identifier: str, properties: Mapping[str, Json]) -> None:
        """End it as it is now: the API wants to see that we know it."""
        known = self.known(identifier, properties)
        wanted = (_name(known.get("name")), known.get("type"), known.get("setIdentifier"))
        for record in _records(self, str(known["zoneId"])):
            if (_name(record["Name"]), record["Type"], record.get("SetIdentifier")) == wanted:
                _change(self, str(known["zoneId"]), "DELETE", record)
        self.journal.forget(self.urn)


def _name(name: Json) -> str:
    return str(name).rstrip(".").lower().replace("\\052", "*")


def _as_properties(row: Object, known: Object) -> Object:
    found: Object = {"name": _name(row["Name"]), "type": row["Type"], "fqdn": _name(row["Name"])}
    found["zoneId"] = known.get("zoneId")
    for key, name in (("TTL", "ttl"), ("SetIdentifier", "setIdentifier"), ("HealthCheckId", "healthCheckId")):
        if key in row:
            found[name] = row[key]
    if "AliasTarget" in row:
        alias = row["AliasTarget"]
        health = alias.get("EvaluateTargetHealth", False)
        zone, name = alias["HostedZoneId"], str(alias["DNSName"]).rstrip(".")
        found["aliases"] = [{"zoneId": zone, "name": name, "evaluateTargetHealth": health}]
    else:
        found["records"] = [item["Value"] for item in row.get("ResourceRecords", [])]
    return found


class Certificate(Resource):
    """Of use once it says by which records it is validated."""

    def _finish(self, identifier: str, given: Object) -> None:
        super()._finish(identifier, given)
        if given.get("validationMethod") != "DNS":
            return

        def told() -> bool:
            found = self.account.call("acm", "DescribeCertificate", {"CertificateArn": identifier}, self.region(given))
            options = found["Certificate"].get("DomainValidationOptions", [])
            return bool(options) and all("ResourceRecord" in option for option in options)

        if not wait_until(told, _RECORD_SECONDS):
            raise PluginError(f"{identifier} does not say by which records it is validated")

    def region(self, properties: Mapping[str, Json]) -> str:
        """Where it is."""
        return str(properties.get("region") or self.account.region)

    def adapt(self, found: Object, known: Object) -> Object:
        """The certificate's own name is listed among the others, though nobody gave it there."""
        others = found.get("SubjectAlternativeNames", [])
        given = known.get("subjectAlternativeNames") or []
        own = found.get("DomainName")
        if own in given:
            return found
        return {**found, "SubjectAlternativeNames": [name for name in others if name != own]}
