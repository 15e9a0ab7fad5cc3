from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import JsonValue

from components.units import HostPort
from groundwork.errors import UserError
from stacks.settings import Settings, from_config


def read(dns: JsonValue) -> Settings:
    config = {"groundwork:domain": "groundwork.test", "groundwork:dns": json.dumps(dns)}
    return from_config(config, Path("Pulumi.none.yaml"))


def test_left_out_it_fits_a_cluster_on_this_machine() -> None:
    dns = from_config({"groundwork:domain": "groundwork.test"}, Path("Pulumi.none.yaml")).dns
    assert (dns.addresses, dns.port, dns.zones, dns.acme) == (("127.0.0.1",), 5353, {}, None)


def test_all_of_it() -> None:
    dns = read(
        {
            "zones": {"acme-hotels.test": "acme"},
            "addresses": ["203.0.113.7", "2001:DB8::7"],
            "port": 53,
            "nameservers": ["ns1.example.com"],
            "resolvers": ["9.9.9.9:53"],
            "acme": {"directory": "https://acme.example.com/directory", "contact": "operator@example.com"},
        }
    ).dns
    assert dns.addresses == ("203.0.113.7", "2001:db8::7")
    assert dns.resolvers == (HostPort("9.9.9.9", 53),)
    assert dns.acme is not None
    assert dns.acme.contact == "operator@example.com"


@pytest.mark.parametrize(
    ("dns", "said"),
    [
        ({"zones": {"groundwork.test": "acme"}}, "the environment's own"),
        ({"zones": {"Not A Zone": "acme"}}, "zones"),
        ({"addresses": ["gateway.example.com"]}, "no IP address"),
        ({"addresses": []}, "addresses"),
        ({"port": 0}, "port"),
        ({"nameservers": ["ns1.example.com"], "nameserverAddresses": ["203.0.113.7"]}, "nameserverAddresses"),
        ({"acme": {"directory": "http://acme.example.com"}}, "no directory"),
        ({"acme": {"directory": "https://acme.example.com", "contact": "nobody"}}, "contact"),
        ({"zone": {}}, "zone: unknown key"),
    ],
)
def test_what_is_refused(dns: JsonValue, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read(dns)
