"""What the node's Ansible modules do on the host; `playbooks/library` holds their thin Ansible faces."""
