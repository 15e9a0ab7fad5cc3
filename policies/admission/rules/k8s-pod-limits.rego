package groundwork

import data.lib.pods

violation contains {"msg": msg} if {
	some container in pods.containers(["initContainers", "containers"])
	some kind in ["requests", "limits"]
	some what in ["cpu", "memory"]
	object.get(container, ["resources", kind, what], "") in {"", 0, "0"}
	msg := sprintf("container %v: no %v.%v", [container.name, kind, what])
}

violation contains {"msg": msg} if {
	some volume in pods.spec.volumes
	volume.emptyDir
	not volume.emptyDir.sizeLimit
	msg := sprintf("volume %v: emptyDir without a sizeLimit", [volume.name])
}
