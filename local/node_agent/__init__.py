"""What the local node does about the network: enforces NetworkPolicies and serves LoadBalancer Services.

One process beside kube-proxy (docs/network-policies.md).
"""
