package groundwork

import data.lib.pods

allowed := `^(localhost/groundwork/|\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/)`

violation contains {"msg": msg} if {
	some container in pods.every_container
	not pods.injected(container)
	not regex.match(allowed, object.get(container, "image", ""))
	msg := sprintf("container %v: image %v is from another registry", [container.name, object.get(container, "image", "")])
}
