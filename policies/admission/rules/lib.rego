package lib.pods

# As policies/workloads.py has them: a pod's spec wherever a workload keeps it.
spec := input.review.object.spec if input.review.object.kind == "Pod"

spec := input.review.object.spec.jobTemplate.spec.template.spec if input.review.object.kind == "CronJob"

spec := input.review.object.spec.template.spec if not input.review.object.kind in {"Pod", "CronJob"}

containers(kinds) := [container | some kind in kinds; some container in spec[kind]]

every_container := containers(["initContainers", "containers", "ephemeralContainers"])

# Istio's injector puts its own image, by digest, in the place of this word; the pod that it makes is looked at.
injected(container) if {
	container.image == "auto"
	container.name == "istio-proxy"
	input.review.object.kind != "Pod"
}
