#!/usr/bin/env bash
# Certificates and configuration for a trial in containers. For a trial: its authorities' keys lie beside what they sign.
#
#   deploy/container/trial.sh [FOLDER]        make FOLDER/etc (default: trial, beside this script); what is there stays
#   deploy/container/trial.sh --orders        say what to tell the web tier once it runs
#
# Needs openssl. Names end in .localhost, which browsers take for this machine.
set -euo pipefail

web=www.cobrowse.localhost server=s1.cobrowse.localhost control=s1.control.cobrowse.localhost
if [ "${1:-}" = --orders ]; then
  cat <<EOF
webtier group add demo --origin https://shop.localhost
webtier agent add ada --display Ada --password-stdin
webtier agent grant ada demo lead
webtier server add s1 --public-url https://$server:9443 --control-name $control --address cserver:9443

Each by \`docker compose -f deploy/container/compose.yml exec -T webtier …\`. Then https://$web:8443/ with the trial's authority
(trial/public-ca.pem) among those that the browser trusts.
EOF
  exit 0
fi
folder=${1:-$(dirname "${BASH_SOURCE[0]}")/trial}
umask 077
mkdir -p "$folder"
cd "$folder"
if [ -e etc ]; then
  echo "$folder/etc is there already: remove it to begin anew" >&2
  exit 1
fi
mkdir -p etc/tls

authority() { # stem name
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj "/CN=$2" \
    -addext keyUsage=critical,keyCertSign -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
issue() { # authority stem host
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "etc/tls/$2.key" -out request.pem 2>/dev/null
  printf 'subjectAltName=DNS:%s\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n' "$3" > extensions
  openssl x509 -req -in request.pem -CA "$1.pem" -CAkey "$1.key" -CAcreateserial -days 90 -extfile extensions -out "etc/tls/$2.pem" 2>/dev/null
  rm request.pem extensions
}
authority public-ca "Cobrowse trial"
authority control-ca "Cobrowse trial, control streams"
issue public-ca www "$web"
issue public-ca s1 "$server"
issue control-ca w1 w1.control.cobrowse.localhost
issue control-ca c1 "$control"
cp control-ca.pem etc/tls/

cat > etc/webtier.toml <<EOF
replica = "w1"
listen = ["0.0.0.0:8443"]
public_url = "https://$web:8443"
cookie_domain = "cobrowse.localhost"

[tls]
certificate = "tls/www.pem"
key = "tls/www.key"

[control]
certificate = "tls/w1.pem"
key = "tls/w1.key"
ca = "tls/control-ca.pem"

[store]
path = "/var/lib/cobrowse/store"
EOF
cat > etc/cserver.toml <<EOF
id = "s1"
listen = ["0.0.0.0:9443"]
public_url = "https://$server:9443"
control_name = "$control"
web_tier_url = "https://$web:8443"
# io_uring where the container's profile allows it, epoll elsewhere: the log's first line says which, and why.
backend = "auto"

[tls]
certificate = "tls/s1.pem"
key = "tls/s1.key"

[control]
certificate = "tls/c1.pem"
key = "tls/c1.key"
ca = "tls/control-ca.pem"
EOF
# The account in the container is another one: $folder itself stays shut for everybody else on this machine.
chmod -R a+rX etc
echo "made $folder/etc"
