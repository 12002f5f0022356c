#!/bin/sh
# Start mim in a container. A file of the user's own, /etc/mim/mongooseim.toml or the one named by MIM_CONFIG, is
# obeyed as it is. Without one the image's example runs; its admin API must listen on all addresses to be reached at
# all, so it never stands open: user and password come from the environment, or are made once and kept with the data.
set -eu

own=${MIM_CONFIG:-/etc/mim/mongooseim.toml}
data=${MIM_DATA_DIR:-/var/lib/mim}
example=${MIM_EXAMPLE:-/usr/share/mim/mongooseim.toml}

if [ -e "$own" ]; then
  export MIM_CONFIG="$own"
  exec mim "$@"
fi

kept=$data/api-credentials
if [ -z "${MIM_API_PASSWORD:-}" ]; then
  if [ ! -s "$kept" ]; then
    umask 077
    password=$(python -c 'import secrets; print(secrets.token_urlsafe(24))')
    printf '%s\n%s\n' "${MIM_API_USER:-admin}" "$password" >"$kept.part"
    mv "$kept.part" "$kept"
    echo "mim: made the admin API's user and password, shown this once and kept in $kept:"
    echo "mim:   user ${MIM_API_USER:-admin}  password $password"
  fi
  MIM_API_USER=$(sed -n 1p "$kept")
  MIM_API_PASSWORD=$(sed -n 2p "$kept")
fi

export MIM_CONFIG="$example"
export MIM__LISTEN__HTTP__0__IP_ADDRESS=0.0.0.0
export MIM__LISTEN__HTTP__0__HANDLERS__MONGOOSE_API_ADMIN__0__HOST=_
export MIM__LISTEN__HTTP__0__HANDLERS__MONGOOSE_API_ADMIN__0__USERNAME="${MIM_API_USER:-admin}"
export MIM__LISTEN__HTTP__0__HANDLERS__MONGOOSE_API_ADMIN__0__PASSWORD="$MIM_API_PASSWORD"
unset MIM_API_USER MIM_API_PASSWORD
exec mim "$@"
