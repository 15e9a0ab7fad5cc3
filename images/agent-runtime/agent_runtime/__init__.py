"""The reference agent service: one agent, declared by a manifest, behind HTTP.  (docs/agent-runtime.md)"""
