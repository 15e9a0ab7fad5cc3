package groundwork

# The constraint asks this of the pods of tenants' namespaces alone, and of nothing but what opens them.
violation contains {"msg": msg} if {
	input.review.operation == "CONNECT"
	msg := sprintf("%v of pods of a tenant is open to nobody", [input.review.kind.kind])
}
