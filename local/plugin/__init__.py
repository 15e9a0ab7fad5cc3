"""What the provider plugins share: the engine's protocol, values on the wire, names and differences."""
