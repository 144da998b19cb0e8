# Gets URL into TO, or into TO's STAGE/archive and hands over to UNPACK. Says, a line each: status,
# type and final address (between tabs); size, hash and path.
set -u
case $TO in '~') TO=$HOME ;; '~/'*) TO=$HOME/${TO#??} ;; /*) ;; *) TO=$PWD/$TO ;; esac
if [ "$EXTRACT" = 1 ]; then TARGET=${TO%/}; else TARGET=${TO%/*}; fi
STAGE=$TARGET/.upload-$ID
mkdir -p -- "$STAGE" || exit 91
trap 'rm -rf -- "$STAGE"' EXIT
trap 'exit 90' HUP INT TERM
file=$STAGE/archive
if command -v curl >/dev/null 2>&1; then
    (ulimit -f $((MAX_BYTES / 1024)) && exec curl -q -gsSfL --max-redirs 10 \
        --proto '=http,https' --proto-redir '=http,https' --connect-timeout 20 \
        --max-filesize "$MAX_BYTES" -w '%{http_code}\t%{content_type}\t%{url_effective}\n' \
        -o "$file" --url "$URL") || exit $?
elif command -v python3 >/dev/null 2>&1; then
    (ulimit -f $((MAX_BYTES / 1024)) && exec python3 -I -c '
import os, shutil, sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen(os.environ["URL"], timeout=30) as r, \
            open(sys.argv[1], "wb") as out:
        shutil.copyfileobj(r, out)
        print(r.status, r.headers.get_content_type(), r.url, sep="\t")
except urllib.error.HTTPError as e:
    sys.exit(print(f"error: {e.code}", file=sys.stderr) or 22)
except OSError as e:
    sys.exit(print(e, file=sys.stderr) or 7)' "$file") || exit $?
elif command -v wget >/dev/null 2>&1; then
    (ulimit -f $((MAX_BYTES / 1024)) && exec wget -q --max-redirect=10 -O "$file" -- "$URL") ||
        exit $?
    printf '200\t\t%s\n' "$URL"
else
    exit 97
fi
[ -e "$file" ] || : >"$file"
if [ "$EXTRACT" = 1 ]; then
    command -v python3 >/dev/null 2>&1 || exit 96
    export STAGE TARGET
    python3 -I -c "$UNPACK"
    exit
fi
if [ -d "$TO" ]; then exit 92; fi
sum=$(sha256sum <"$file") && size=$(wc -c <"$file") && chmod 0644 "$file" &&
    mv -f -- "$file" "$TO" || exit 91
printf '%d\t%s\t%s\n' "$size" "${sum%% *}" "$TO"
