package groundwork

import data.lib.pods

# Rego cannot verify the bill's signature: whoever writes these parameters has done so.
listed := {digest | some digest in object.get(input, ["parameters", "digests"], [])}

violation contains {"msg": msg} if {
	some container in pods.every_container
	not pods.injected(container)
	image := object.get(container, "image", "")
	not in_bill(image)
	msg := sprintf("container %v: image %v is not in the bill of materials", [container.name, image])
}

in_bill(image) if {
	parts := split(image, "@")
	count(parts) == 2
	parts[1] in listed
}
