package lib.pods

spec := spec_of(input.review.object)

# As policies/workloads.py has them: a pod's spec wherever a workload keeps it.
spec_of(object) := object.spec if object.kind == "Pod"

spec_of(object) := object.spec.jobTemplate.spec.template.spec if object.kind == "CronJob"

spec_of(object) := object.spec.template.spec if not object.kind in {"Pod", "CronJob"}

containers(kinds) := [container | some kind in kinds; some container in spec[kind]]

every_kind := ["initContainers", "containers", "ephemeralContainers"]

every_container := containers(every_kind)

# Istio's injector puts its own image, by digest, in the place of this word; the pod that it makes is looked at.
injected(container) if {
	container.image == "auto"
	container.name == "istio-proxy"
	input.review.object.kind != "Pod"
}
