"""The Pulumi engine as this project runs it: its workspace, what it shows, and how it recovers."""
