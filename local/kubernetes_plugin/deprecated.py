"""API versions that Kubernetes is about to remove or has removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# (group, version) → what to use.
DEPRECATED: Final[Mapping[tuple[str, str], str]] = {
    ("extensions", "v1beta1"): "apps/v1 or networking.k8s.io/v1",
    ("apps", "v1beta1"): "apps/v1",
    ("apps", "v1beta2"): "apps/v1",
    ("batch", "v1beta1"): "batch/v1",
    ("policy", "v1beta1"): "policy/v1",
    ("networking.k8s.io", "v1beta1"): "networking.k8s.io/v1",
    ("autoscaling", "v2beta1"): "autoscaling/v2",
    ("autoscaling", "v2beta2"): "autoscaling/v2",
    ("rbac.authorization.k8s.io", "v1beta1"): "rbac.authorization.k8s.io/v1",
    ("rbac.authorization.k8s.io", "v1alpha1"): "rbac.authorization.k8s.io/v1",
    ("apiextensions.k8s.io", "v1beta1"): "apiextensions.k8s.io/v1",
    ("admissionregistration.k8s.io", "v1beta1"): "admissionregistration.k8s.io/v1",
}
