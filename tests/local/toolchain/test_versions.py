from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.toolchain.versions import Fit, Range, Version

numbers = st.integers(0, 2000)
versions = st.builds(Version, numbers, numbers, numbers, st.booleans())
finals = st.builds(Version, numbers, numbers, numbers)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Kubernetes v1.36.3", Version(1, 36, 3)),
        ("etcd Version: 3.6.8\nGit SHA: Not provided", Version(3, 6, 8)),
        ("containerd github.com/containerd/containerd/v2 v2.2.1 ", Version(2, 2, 1)),
        ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1", Version(1, 6, 20)),
        ("containerd-shim-runc-v2:\n  Version:  v2.2.1\n  Go version: go1.26.8", Version(2, 2, 1)),
        ("CoreDNS-1.15.0\nlinux/amd64, go1.26.8, ", Version(1, 15, 0)),
        ("kwok version v0.8.0 go1.26.8 (linux/amd64)", Version(0, 8, 0)),
        ('Client Version: version.Info{Major:"1", Minor:"20+", GitVersion:"v1.20.5+k3s1"}', Version(1, 20, 5)),
        ("v4.3.1", Version(4, 3, 1)),
        ("go version go1.26 linux/amd64", Version(1, 26)),
        ("go version go1.27rc1 linux/amd64", Version(1, 27, 0, final=False)),
        ("v3.260.0-alpha.1+abcdef", Version(3, 260, 0, final=False)),
        ("v1.36.3-eks-1a2b3c", Version(1, 36, 3)),
    ],
)
def test_finds_the_version_that_real_programs_print(text: str, version: Version) -> None:
    assert Version.find(text) == version


@pytest.mark.parametrize("text", ["", "no version", "v2", "10.96.0.1", "listening on 127.0.0.1:2379", "1..2"])
def test_finds_none_where_there_is_none(text: str) -> None:
    assert Version.find(text) is None


@given(finals, st.sampled_from(["", "v", "go"]), st.sampled_from(["", "+k3s1", "-eks-1", " linux/amd64", "\n"]))
def test_finds_what_was_written(version: Version, prefix: str, suffix: str) -> None:
    assert Version.find(f"some program {prefix}{version}{suffix}") == version


@given(st.text())
def test_never_fails_on_text(text: str) -> None:
    found = Version.find(text)
    assert found is None or min(found.major, found.minor, found.patch) >= 0


@given(finals)
def test_a_pre_release_comes_before_its_release(version: Version) -> None:
    assert Version(version.major, version.minor, version.patch, final=False) < version


@given(pin=finals, seen=versions)
def test_a_narrower_fit_never_takes_what_a_wider_one_refuses(pin: Version, seen: Version) -> None:
    narrow, middle, wide = (seen in Range(pin, fit) for fit in (Fit.SAME_MINOR, Fit.MINOR_SKEW, Fit.SAME_MAJOR))
    assert narrow <= middle <= wide
    assert pin in Range(pin, Fit.SAME_MINOR)


@given(pin=finals, seen=versions, least=finals, fit=st.sampled_from(Fit))
def test_nothing_early_old_or_of_another_major_version_fits(
    pin: Version, seen: Version, least: Version, fit: Fit
) -> None:
    if seen in Range(pin, fit, least):
        assert seen.final
        assert seen.major == pin.major
        assert seen >= least


@pytest.mark.parametrize(
    ("fit", "fits", "not_"),
    [
        (Fit.SAME_MINOR, ["1.36.0", "1.36.9"], ["1.35.9", "1.37.0", "2.36.3"]),
        (Fit.MINOR_SKEW, ["1.35.0", "1.36.3", "1.37.9"], ["1.34.9", "1.38.0", "1.36.0-rc.1"]),
        (Fit.SAME_MAJOR, ["1.0.0", "1.99.0"], ["0.36.3", "2.0.0"]),
    ],
)
def test_ranges(fit: Fit, fits: list[str], not_: list[str]) -> None:
    allowed = Range(Version(1, 36, 3), fit)
    seen = {text: Version.find(text) for text in (*fits, *not_)}
    assert [text for text, version in seen.items() if version is not None and version in allowed] == fits


def test_a_range_says_itself() -> None:
    pin = Version(1, 36, 3)
    assert str(Range(pin, Fit.SAME_MINOR)) == "1.36.x"
    assert str(Range(pin, Fit.MINOR_SKEW)) == "1.35.x to 1.37.x"
    assert str(Range(pin, Fit.SAME_MAJOR, Version(1, 11))) == "1.x, 1.11.0 or newer"
