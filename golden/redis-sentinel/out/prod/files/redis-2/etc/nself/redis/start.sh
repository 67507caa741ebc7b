#!/bin/sh
# Starts Redis as the primary or as a replica of it. Only the Sentinels know which node is the primary: a node that
# was away may have older data, so it waits until more than half of them have answered.
set -eu
REDISCLI_AUTH=$(cat /run/secrets/redis_password)
export REDISCLI_AUTH
total=$(echo "$REDIS_SENTINELS" | wc -w)
while :; do
  answers=0 epoch=-1 primary=''
  for sentinel in $REDIS_SENTINELS; do
    state=$(timeout 2 redis-cli -h "$sentinel" -p 26379 SENTINEL MASTER main 2>/dev/null) || continue
    address='' at=''
    while read -r field && read -r value; do
      case $field in
        ip) address=$value ;;
        config-epoch) at=$value ;;
      esac
    done <<END
$state
END
    if [ -z "$address" ] || [ -z "$at" ]; then continue; fi
    answers=$((answers + 1))
    if [ "$at" -gt "$epoch" ]; then
      epoch=$at
      primary=$address
    fi
  done
  if [ $((answers * 2)) -gt "$total" ]; then break; fi
  echo "waiting for more than half of the Sentinels: $answers of $total answer" >&2
  sleep 1
done
unset REDISCLI_AUTH
set -- "$@" --replica-announce-ip "$REDIS_NODE"
if [ "$primary" != "$REDIS_NODE" ]; then
  echo "replica of $primary" >&2
  set -- "$@" --replicaof "$primary" 6379
fi
exec "$@"