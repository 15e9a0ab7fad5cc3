package groundwork

# Where the two servers stand that the world may reach; what a load balancer sends to by ports of the nodes.
public := {"groundwork-gateway", "groundwork-domains"}

by_node if {
	input.review.object.metadata.namespace == "groundwork-gateway"
	input.review.object.metadata.name == "gateway"
}

service := input.review.object.spec if input.review.object.kind == "Service"

violation contains {"msg": "opens a way in beside the gateway"} if input.review.object.kind == "Ingress"

violation contains {"msg": "is an ExternalName"} if service.type == "ExternalName"

violation contains {"msg": "is a NodePort"} if {
	service.type == "NodePort"
	not by_node
}

violation contains {"msg": msg} if {
	service.type == "LoadBalancer"
	not input.review.object.metadata.namespace in public
	msg := sprintf("is a LoadBalancer in %v", [input.review.object.metadata.namespace])
}

violation contains {"msg": "has externalIPs"} if count(service.externalIPs) > 0

# The API server gives a LoadBalancer's ports their nodePort by itself.
violation contains {"msg": "names a nodePort"} if {
	service.type != "LoadBalancer"
	not by_node
	some port in service.ports
	port.nodePort
}
