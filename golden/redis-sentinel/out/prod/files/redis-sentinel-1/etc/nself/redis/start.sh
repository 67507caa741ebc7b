#!/bin/sh
# Starts a Sentinel. It writes its state to the file of its configuration, so the file is created here: from the settings, which
# contain the password, and from what the last run knew about services that still exist.
set -eu
umask 077
file=/data/sentinel.conf
primary=${REDIS_NODES%% *}
contains() { case " $1 " in *" $2 "*) ;; *) return 1 ;; esac; }
cat /run/secrets/redis_sentinel_conf >"$file.new"
printf '\nsentinel announce-ip %s\n' "$REDIS_NODE" >>"$file.new"
if [ -s "$file" ]; then
  while read -r word name group address rest; do
    if [ "$word" != sentinel ]; then continue; fi
    case $name in
      monitor) if contains "$REDIS_NODES" "$address"; then primary=$address; fi ;;
      myid | current-epoch) printf 'sentinel %s %s\n' "$name" "$group" ;;
      config-epoch | leader-epoch) printf 'sentinel %s %s %s\n' "$name" "$group" "$address" ;;
      known-replica) if contains "$REDIS_NODES" "$address"; then printf 'sentinel %s %s %s %s\n' "$name" "$group" "$address" "$rest"; fi ;;
      known-sentinel) if contains "$REDIS_SENTINELS" "$address"; then printf 'sentinel %s %s %s %s\n' "$name" "$group" "$address" "$rest"; fi ;;
    esac
  done <"$file" >"$file.known"
  cat "$file.known" >>"$file.new"
fi
printf 'sentinel monitor main %s 6379 %s\n' "$primary" "$REDIS_QUORUM" >>"$file.new"
mv "$file.new" "$file"
exec "$@"