package groundwork

import data.lib.pods

violation contains {"msg": msg} if {
	some container in pods.every_container
	not pods.injected(container)
	not regex.match(`@sha256:[0-9a-f]{64}$`, object.get(container, "image", ""))
	msg := sprintf("container %v: image %v is not by digest", [container.name, object.get(container, "image", "")])
}
