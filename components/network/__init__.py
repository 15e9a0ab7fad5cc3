"""The network of an AWS environment: VPC, subnets over zones, ways out, endpoints, flow logs.  (docs/network.md)"""
