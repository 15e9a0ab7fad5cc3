from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.node.host.rules import parse, removal

NODE = """\
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [5:300]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-A - [0:0]
:CNI-1 - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-HOSTPORT-MASQ - [0:0]
:CNI-DN-1 - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -s 10.244.0.2/32 -m comment --comment "name: \\"groundwork\\" id: \\"abc\\"" -j CNI-1
-A KUBE-SERVICES -j KUBE-SVC-A
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"groundwork\\" id: \\"abc\\"" -j CNI-DN-1
-A CNI-1 ! -d 224.0.0.0/4 -j MASQUERADE
COMMIT
*filter
:FORWARD ACCEPT [0:0]
:KUBE-FORWARD - [0:0]
-A FORWARD -j KUBE-FORWARD
-A FORWARD -i groundwork0 -m comment --comment groundwork -j ACCEPT
COMMIT
"""
OTHERS = """\
*nat
:POSTROUTING ACCEPT [0:0]
:CNI-podman - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-DN-podman - [0:0]
:DOCKER - [0:0]
-A POSTROUTING -s 10.88.0.2/32 -m comment --comment "name: \\"podman\\" id: \\"x\\"" -j CNI-podman
-A POSTROUTING -s 10.0.0.0/8 -m comment --comment "not groundwork's" -j MASQUERADE
-A CNI-HOSTPORT-DNAT -m comment --comment "dnat name: \\"podman\\" id: \\"x\\"" -j CNI-DN-podman
-A DOCKER -j RETURN
COMMIT
"""


def test_every_rule_and_chain_of_the_node_goes() -> None:
    script = removal(NODE, ())
    for chain in (
        "KUBE-SERVICES",
        "KUBE-SVC-A",
        "CNI-1",
        "CNI-HOSTPORT-DNAT",
        "CNI-HOSTPORT-MASQ",
        "CNI-DN-1",
        "KUBE-FORWARD",
    ):
        assert f"-F {chain}\n" in script
        assert f"-X {chain}\n" in script
    assert "-D FORWARD -i groundwork0 -m comment --comment groundwork -j ACCEPT\n" in script


def test_rules_are_given_back_in_the_very_words_they_were_saved_in() -> None:
    wanted = '-D POSTROUTING -s 10.244.0.2/32 -m comment --comment "name: \\"groundwork\\" id: \\"abc\\"" -j CNI-1\n'
    assert wanted in removal(NODE, ())


def test_all_rules_go_before_the_chains_they_jump_to() -> None:
    lines = removal(NODE, ()).split("*filter")[0].splitlines()
    kinds = [line[:2] for line in lines if line.startswith("-")]
    assert kinds == sorted(kinds, key=["-D", "-F", "-X"].index)


def test_other_peoples_rules_stay() -> None:
    assert removal(OTHERS, ()) == ""


def test_chains_that_were_there_before_the_node_stay() -> None:
    foreign = [chain for table in parse(NODE) for chain in table.chains]
    script = removal(NODE, foreign)
    assert "-X" not in script
    assert "-D FORWARD -i groundwork0" in script


def test_nothing_is_done_where_there_is_nothing() -> None:
    assert removal("", ()) == ""


@given(st.text(alphabet=st.characters(exclude_characters="*:-", exclude_categories=["Cs"])))
def test_comments_and_other_lines_are_passed_over(text: str) -> None:
    assert parse(text) == []
