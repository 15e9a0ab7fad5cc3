"""What makes one machine enough: tool chain, node, images, engine, provider plugin."""
