#!/bin/sh
# The server of one node, told when its certificate is another: the kubelet brings a renewed one into the pod, and the
# server reads it again at SIGHUP. Connections that are open stay so.
# $1: the server's program; $2: its configuration; $3: its certificate; $4: seconds between two looks at it.
"$1" server -config="$2" &
server=$!
trap 'kill -TERM $server' TERM INT

watch() {
  served=$(cksum "$3")
  while sleep "$4"; do
    found=$(cksum "$3") || continue
    [ "$found" = "$served" ] || kill -HUP $server || return
    served=$found
  done
}
watch "$@" &
watcher=$!

wait $server
code=$?
# A signal ends the first wait, not the server.
while kill -0 $server 2>/dev/null; do
  wait $server
  code=$?
done
kill $watcher
exit $code
