package groundwork

wanted := {
	"app.kubernetes.io/part-of",
	"app.kubernetes.io/managed-by",
	"groundwork/environment",
	"groundwork/cost-centre",
}

violation contains {"msg": msg} if {
	missing := wanted - object.keys(object.get(input.review.object.metadata, "labels", {}))
	count(missing) > 0
	msg := sprintf("no label %v", [concat(", ", sort(missing))])
}
