from __future__ import annotations

from pathlib import Path

import dns.name
import dns.rdatatype
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.hosts import LABEL
from domains_operator.settings import Zone
from domains_operator.zones import Record, ZoneFolder, records, render
from tests.images.domains.samples import DOMAIN, HELD, in_folder, settings

OURS, TENANTS = settings().zones
labels = st.from_regex(LABEL, fullmatch=True)
texts = st.text(st.characters(codec="utf-8"), max_size=600)


def parsed(text: str, zone: str) -> dns.zone.Zone:
    return dns.zone.from_text(text, f"{zone}.", relativize=False)


def values(zone: dns.zone.Zone, name: str, kind: str) -> set[str]:
    found = zone.get_rdataset(dns.name.from_text(name), dns.rdatatype.from_text(kind))
    return {row.to_text() for row in found or ()}


def test_the_platforms_zone_leads_every_name_to_the_gateway() -> None:
    zone = parsed(render(OURS, settings(), records(OURS, settings(), {}, [], []), 7), DOMAIN)
    assert values(zone, f"*.{DOMAIN}", "A") == values(zone, DOMAIN, "A") == {"192.0.2.1"}
    assert values(zone, DOMAIN, "NS") == {f"ns1.{DOMAIN}."}
    assert values(zone, f"ns1.{DOMAIN}", "A") == {"192.0.2.1"}


def test_addresses_of_both_kinds_stand_in_records_of_their_own() -> None:
    made = settings(addresses=["192.0.2.1", "2001:db8::1"])
    zone = parsed(render(OURS, made, records(OURS, made, {}, [], []), 7), DOMAIN)
    assert values(zone, f"*.{DOMAIN}", "A") == {"192.0.2.1"}
    assert values(zone, f"*.{DOMAIN}", "AAAA") == {"2001:db8::1"}


def test_named_nameservers_have_no_address_here() -> None:
    made = settings(nameservers=["ns.example.com", "ns.example.net"])
    zone = parsed(render(OURS, made, records(OURS, made, {}, [], []), 7), DOMAIN)
    assert values(zone, DOMAIN, "NS") == {"ns.example.com.", "ns.example.net."}
    assert zone.get_node(f"ns1.{DOMAIN}.") is None


def test_a_tenants_zone_has_its_own_hosts_and_no_wildcard() -> None:
    hosts = {f"a.{HELD}": "acme", f"b.{HELD}": "globex", "other.example.com": "acme"}
    zone = parsed(render(TENANTS, settings(), records(TENANTS, settings(), hosts, [], []), 7), HELD)
    assert values(zone, f"a.{HELD}", "A") == {"192.0.2.1"}
    assert zone.get_node(f"b.{HELD}.") is None
    assert zone.get_node(f"*.{HELD}.") is None


def test_two_answers_to_challenges_of_one_name_stand_beside_each_other() -> None:
    name = f"_acme-challenge.{DOMAIN}"
    found = records(OURS, settings(), {}, [], [(name, "one"), (name, "two"), ("_acme-challenge.example.com", "x")])
    zone = parsed(render(OURS, settings(), found, 7), DOMAIN)
    assert values(zone, name, "TXT") == {'"one"', '"two"'}


@given(st.lists(labels, max_size=8), st.lists(st.tuples(labels, texts), max_size=8), st.integers(0, 2**40))
def test_what_is_rendered_is_what_a_server_reads(hosts: list[str], proofs: list[tuple[str, str]], serial: int) -> None:
    names = [(f"_x.{name}.{HELD}", value) for name, value in proofs]
    content = records(TENANTS, settings(), {f"{host}.{HELD}": "acme" for host in hosts}, names, [])
    zone = parsed(render(TENANTS, settings(), content, serial), HELD)
    soa = zone.get_rdataset(dns.name.from_text(HELD), dns.rdatatype.SOA)
    assert soa is not None
    assert soa[0].serial == serial % 2**32
    for host in hosts:
        assert values(zone, f"{host}.{HELD}", "A") == {"192.0.2.1"}
    for name, value in names:
        found = zone.get_rdataset(dns.name.from_text(name), dns.rdatatype.TXT)
        assert value.encode() in {b"".join(row.strings) for row in found or ()}


@given(labels)
def test_every_tenants_name_is_under_the_wildcard(tenant: str) -> None:
    """An explicit name would hide the wildcard: only the name server's own is one."""
    content = records(OURS, settings(), {}, [], [(f"_acme-challenge.{DOMAIN}", "x")])
    zone = parsed(render(OURS, settings(), content, 7), DOMAIN)
    name = dns.name.from_text(f"{tenant}.{DOMAIN}")
    explicit = [each for each in zone.nodes if each == name or each.is_subdomain(name)]
    assert explicit == [] or tenant == "ns1"


def test_a_record_of_another_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="not in the zone"):
        render(OURS, settings(), [Record("www.example.com", "A", "192.0.2.1")], 1)


class TestFolder:
    def test_a_file_is_written_once_and_again_when_it_changes(self, tmp_path: Path) -> None:
        made = in_folder(tmp_path)
        folder = ZoneFolder(made)
        content = {zone: records(zone, made, {}, [], []) for zone in made.zones}
        assert folder.write(content)
        first = folder.serials()
        assert not folder.write(content)
        content[TENANTS] = records(TENANTS, made, {HELD: "acme"}, [], [])
        assert folder.write(content)
        assert folder.serials()[DOMAIN] == first[DOMAIN]
        assert folder.serials()[HELD] > first[HELD]
        assert sorted(file.name for file in tmp_path.iterdir()) == [f"db.{DOMAIN}", f"db.{HELD}"]

    def test_another_process_goes_on_above_the_serial_that_is_there(self, tmp_path: Path) -> None:
        made = in_folder(tmp_path)
        (tmp_path / f"db.{DOMAIN}").write_text(render(OURS, made, records(OURS, made, {}, [], []), 4_000_000_000))
        folder = ZoneFolder(made)
        folder.write({OURS: records(OURS, made, {}, [], [])})
        assert folder.serials()[DOMAIN] == 4_000_000_001

    @pytest.mark.parametrize("content", ["", "no zone at all", "\ufffd("])
    def test_a_file_that_is_no_zone_is_replaced(self, tmp_path: Path, content: str) -> None:
        made = in_folder(tmp_path)
        (tmp_path / f"db.{DOMAIN}").write_text(content)
        ZoneFolder(made).write({OURS: records(OURS, made, {}, [], [])})
        assert values(parsed((tmp_path / f"db.{DOMAIN}").read_text(), DOMAIN), DOMAIN, "NS")

    def test_a_zone_that_is_no_longer_ours_goes(self, tmp_path: Path) -> None:
        made = in_folder(tmp_path)
        (tmp_path / "db.old.test").write_text("x")
        assert ZoneFolder(made).write({OURS: []})
        assert not (tmp_path / "db.old.test").exists()


def test_the_most_specific_zone_has_a_host() -> None:
    made = settings(zones=[{"name": DOMAIN}, {"name": f"eu.{DOMAIN}"}])
    assert made.zone_of(f"a.eu.{DOMAIN}") == Zone(name=f"eu.{DOMAIN}")
    assert made.zone_of(f"neu.{DOMAIN}") == Zone(name=DOMAIN)
    assert made.zone_of(f"not{DOMAIN}") is None
