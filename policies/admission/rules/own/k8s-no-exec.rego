package groundwork

# The constraint asks this of the pods of tenants' namespaces alone, and of nothing but what opens them.
violation contains {"msg": msg} if {
	input.review.operation == "CONNECT"
	not is_question
	msg := sprintf("%v of pods of a tenant is open to nobody", [input.review.kind.kind])
}

# The one command that may run, in the one container: it is given, takes no input, and is compared word for word.
is_question if {
	input.review.kind.kind == "PodExecOptions"
	input.review.object.container == input.parameters.question.container
	input.review.object.command == input.parameters.question.command
	not object.get(input.review.object, "stdin", false)
	not object.get(input.review.object, "tty", false)
}
