"""Where requests come in from the internet in AWS: a load balancer behind a firewall for the web.  (docs/aws.md)"""
