package groundwork

own := input.review.object

# By namespace and name; routes of the mesh itself are each caller's own.
gateways(route) := {name | some bound in route.spec.gateways; bound != "mesh"; name := qualified(bound, route.metadata.namespace)}

qualified(name, _) := name if contains(name, "/")

qualified(name, space) := sprintf("%v/%v", [space, name]) if not contains(name, "/")

violation contains {"msg": msg} if {
	some space, kinds in data.inventory.namespace
	space != own.metadata.namespace
	some version, _ in kinds
	startswith(version, "networking.istio.io/")
	some other in kinds[version].VirtualService
	some gateway in gateways(own) & gateways(other)
	some host in own.spec.hosts
	some taken in other.spec.hosts
	overlap(host, taken)
	msg := sprintf("%v at %v is taken by %v", [host, gateway, space])
}

overlap(one, other) if one == other

overlap(one, other) if covers(one, other)

overlap(one, other) if covers(other, one)

covers(pattern, host) if {
	startswith(pattern, "*")
	endswith(host, substring(pattern, 1, -1))
}
