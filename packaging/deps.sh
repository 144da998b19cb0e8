#!/usr/bin/env bash
# Installs what building, running and testing need: Debian 12 and 13, Ubuntu 24.04 and later.
#
#   packaging/deps.sh          everything
#   packaging/deps.sh build    what `make` and the server need
#   packaging/deps.sh dev      compilers and checkers (lint, fuzz, sanitizers)
#   packaging/deps.sh python   the tests' Python packages, into build/venv
#   packaging/deps.sh npm      the tests' Node packages, into build/npm
#   packaging/deps.sh browser  a Chromium for the tests, where the system has one
#
# As root, or through sudo. Says nothing and takes a moment when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD="gcc make libc6-dev pkg-config libyyjson-dev libmicrohttpd-dev libcurl4-openssl-dev
    libwebsockets-dev libseccomp-dev libpcre2-dev libssl-dev libvterm-dev bubblewrap ca-certificates"
BROWSERS="chromium-headless-shell chromium"
DEV="python3 python3-venv git curl jq strace ffmpeg pandoc poppler-utils iproute2 procps vim-nox gdb less util-linux clang clang-format llvm
    python3-pip python3-matplotlib python3-pandas python3-pil python3-lxml python3-plotly python3-ipython r-base-core"

say() {
    printf '  %-5s %s\n' DEPS "$*"
}

die() {
    printf 'deps: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "need root to install packages, and there is no sudo; missing: ${missing[*]:-}"
    fi
}

# Prints the command's output only when it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ $status = 0 ] || cat "$log" >&2
    rm -f "$log"
    return $status
}

apt() {
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 "$@"
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_file() {
    printf '%s\n' "$2" | as_root install -m 0644 /dev/stdin "$1"
}

# The address this machine takes the release $1 from, whichever form its sources have.
uri_of() {
    local uri f
    for f in /etc/apt/sources.list.d/*.sources; do
        [ -r "$f" ] || continue
        uri=$(awk -v "release=$1" 'BEGIN { RS = ""; FS = "\n" } {
            uri = suites = ""
            for (i = 1; i <= NF; i++) {
                if ($i ~ /^URIs:/) { split($i, a, /[ \t]+/); uri = a[2] }
                if ($i ~ /^Suites:/) suites = $i " "
            }
            if (suites ~ "[: \t]" release "[ \t]") { print uri; exit }
        }' "$f")
        [ -z "$uri" ] || { echo "$uri"; return; }
    done
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || :; } |
        sed -nE "s/^deb +(\[[^]]*\] +)?([^ ]+) +$1 +.*/\2/p" | head -n 1
}

# yyjson came after Debian 12 and Ubuntu 24.04. The package of a later release needs only an old
# libc, so it is taken from there, and by priority nothing else ever is.
borrow_yyjson() {
    local own later component uri key
    # shellcheck disable=SC1091
    own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    case $own in
    bookworm) later=trixie component=main key=debian ;;
    noble) later=resolute component=universe key=ubuntu ;;
    *) die "no libyyjson-dev in this system's sources; install it by hand" ;;
    esac
    key=/usr/share/keyrings/$key-archive-keyring.gpg
    uri=$(uri_of "$own")
    [ -n "$uri" ] || die "no source of $own in /etc/apt; install libyyjson-dev by hand"
    [ -r $key ] || die "$key is missing"
    install_file /etc/apt/preferences.d/sandbox-mcp-yyjson "\
Package: *
Pin: release n=$later
Pin-Priority: -10

Package: libyyjson*
Pin: release n=$later
Pin-Priority: 500"
    install_file /etc/apt/sources.list.d/sandbox-mcp-yyjson.sources "\
Types: deb
URIs: $uri
Suites: $later
Components: $component
Signed-By: $key"
}

system_packages() {
    local missing=() p
    for p in "$@"; do
        installed "$p" || missing+=("$p")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "this is no Debian or Ubuntu; install the equivalents of: ${missing[*]}"
    say "${missing[*]}"
    apt update || die "apt-get update failed"
    if [[ " ${missing[*]} " = *" libyyjson-dev "* ]] && ! apt-cache show libyyjson-dev &>/dev/null; then
        borrow_yyjson
        apt update || die "apt-get update failed"
    fi
    apt install --no-install-recommends "${missing[@]}" || die "could not install ${missing[*]}"
}

# npm brings the packages that web/ is bundled from. Node may come from elsewhere, and then its
# package conflicts with Debian's npm.
build_packages() {
    local more=()
    command -v node >/dev/null || more+=(nodejs)
    command -v npm >/dev/null || more+=(npm)
    # shellcheck disable=SC2086
    system_packages $BUILD "${more[@]}"
}

dev_packages() {
    # shellcheck disable=SC2086
    system_packages $DEV
    local rt
    rt=libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev
    # Debian 12 and later have it apart; before, the compiler brought it.
    ! apt-cache show "$rt" >/dev/null 2>&1 || system_packages "$rt"
}

# Ubuntu has Chromium as a snap only, which is of no use in a sandbox: the tests of browsers are
# skipped there until one was brought from elsewhere.
browser_packages() {
    local p found=
    for p in $BROWSERS; do
        if installed "$p"; then
            found=1
        elif apt-cache show "$p" >/dev/null 2>&1; then
            system_packages "$p"
            found=1
        fi
    done
    [ -z "$found" ] || return 0
    say "no package of $BROWSERS here; tests of browsers will be skipped"
}

# $1 stamp, then files: the stamp was made from just these files.
fresh() {
    local stamp=$1
    shift
    [ -f "$stamp" ] && cat "$@" | cmp -s - "$stamp"
}

python_for_tests() {
    local p
    for p in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        command -v "$p" >/dev/null || continue
        "$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
            2>/dev/null && { echo "$p"; return; }
    done
    die "no Python 3.11 or later with venv"
}

python_packages() {
    local venv=build/venv python
    fresh $venv/stamp tests/requirements.txt && return
    say "Python packages of the tests"
    python=$(python_for_tests)
    rm -rf $venv
    quietly "$python" -m venv $venv
    quietly $venv/bin/pip install -q --no-deps -r tests/requirements.txt ||
        die "could not install the Python packages"
    cp tests/requirements.txt $venv/stamp
}

npm_packages() {
    local dir=build/npm
    fresh $dir/stamp tests/package.json tests/package-lock.json && return
    say "Node packages of the tests"
    rm -rf $dir
    mkdir -p $dir
    cp tests/package.json tests/package-lock.json $dir/
    (cd $dir && quietly npm ci --no-audit --no-fund --ignore-scripts --loglevel=error) ||
        die "could not install the Node packages"
    # Debian's npm links no programs of optional packages.
    local node
    for node in "$dir"/node_modules/node-linux-*/bin/node; do
        ln -sf "../${node#"$dir"/node_modules/}" $dir/node_modules/.bin/node
    done
    $dir/node_modules/.bin/node --version >/dev/null || die "the tests' Node does not run"
    cat tests/package.json tests/package-lock.json >$dir/stamp
}

main() {
    local what
    [ $# -gt 0 ] || set -- build dev python npm browser
    for what in "$@"; do
        case $what in
        build | dev | python | npm | browser) "${what}_packages" ;;
        *) die "unknown group $what" ;;
        esac
    done
}

main "$@"
