package groundwork

import data.lib.pods

# Rego cannot verify the bill's signature: whoever writes these parameters has done so.
listed := {digest | some digest in object.get(input, ["parameters", "digests"], [])}

violation contains {"msg": msg} if {
	some container in pods.every_container
	not pods.injected(container)
	not kept(container)
	image := object.get(container, "image", "")
	not in_bill(image)
	msg := sprintf("container %v: image %v is not in the bill of materials", [container.name, image])
}

in_bill(image) if {
	parts := split(image, "@")
	count(parts) == 2
	parts[1] in listed
}

# What was let in once may be written again: nothing new comes in by that, and a workload whose image the bill no longer
# lists could be changed to one that it lists in no other way. A pod of it that is made anew is refused.
kept(container) if {
	input.review.operation == "UPDATE"
	before := pods.spec_of(input.review.oldObject)
	some kind in pods.every_kind
	some other in before[kind]
	other.name == container.name
	other.image == container.image
}
