# Packs FROM as KIND into a new file, of at most MAX_BYTES, and says where it is.
set -u
case $FROM in '~') FROM=$HOME ;; '~/'*) FROM=$HOME/${FROM#??} ;; -*) FROM=./$FROM ;; esac
if [ ! -e "$FROM" ] && [ ! -L "$FROM" ]; then exit 94; fi
dir=$(cd -- "$(dirname -- "$FROM")" && pwd) || exit 91
base=$(basename -- "$FROM")
case $base in . | .. | /) dir=$(cd -- "$FROM" && pwd) || exit 91; base=. ;; esac
pack() {
    rm -rf -- "$1"
    mkdir -p -- "${1%/*}" || return 1
    ulimit -f $((MAX_BYTES / 1024))
    if [ "$KIND" = tar.gz ]; then
        tar -C "$dir" --exclude=".download-$ID" -czf "$1" -- "$base" || [ $? = 1 ]
    elif command -v zip >/dev/null 2>&1; then
        (cd -- "$dir" && zip -qry "$1" "./$base" -x "*/.download-$ID/*")
    elif command -v python3 >/dev/null 2>&1; then
        (cd -- "$dir" && python3 -I -c '
import os, sys, zipfile
out, base = sys.argv[1], sys.argv[2]
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as z:
    def add(path):
        if os.path.islink(path):
            info = zipfile.ZipInfo(os.path.normpath(path))
            info.create_system, info.external_attr = 3, 0o120777 << 16
            z.writestr(info, os.readlink(path))
        elif os.path.isdir(path):
            if path != ".":
                z.write(path)
            for name in sorted(os.listdir(path)):
                add(os.path.join(path, name))
        elif os.path.isfile(path) and os.path.abspath(path) != os.path.abspath(out):
            z.write(path)
    add(base)' "$1" "$base")
    else
        exit 97
    fi
}
# A small /tmp is left for the folder itself, and that for the workspace.
trap 'exit 90' HUP INT TERM
for at in /tmp "$PWD"; do
    file=$at/.download-$ID/$NAME
    trap 'rm -rf -- "${file%/*}"' EXIT
    if (pack "$file"); then
        trap - EXIT
        printf '%s\n' "$file"
        exit 0
    else
        r=$?
    fi
    rm -rf -- "${file%/*}"
    [ "$r" = 153 ] && exit 63
    [ "$r" = 97 ] && exit 97
done
exit 91
