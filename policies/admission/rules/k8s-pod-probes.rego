package groundwork

import data.lib.pods

listed := [container | some container in pods.spec.containers; container.image != "auto"]

violation contains {"msg": msg} if {
	some container in listed
	not container.livenessProbe
	msg := sprintf("container %v: no livenessProbe", [container.name])
}

violation contains {"msg": "no container has a readinessProbe"} if {
	count(listed) > 0
	every container in listed {
		not container.readinessProbe
	}
}
