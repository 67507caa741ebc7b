#!/bin/sh
# Copies the server's private key to a file that no other user reads, as the server demands, and runs the program of
# its arguments. Written by nself.
set -eu
(umask 077 && cp -f /run/secrets/database_key /tmp/database_key)
exec "$@"
