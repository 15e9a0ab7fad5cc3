"""What the engine runs as the policy pack."""

from policies.pack.serving import serve

serve()
