"""Says for each request at the gateway whether it may go on: Envoy's external authorisation, decided by OPA."""
