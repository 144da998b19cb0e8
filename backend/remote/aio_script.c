#include "backend/remote/aio_script.h"

/* What all of them begin with. */
#define BEGIN                                                                 \
    "export LC_ALL=C\n"                                                       \
    "fail() { printf '%s: %s\\n' \"$1\" \"$2\" >&2; exit 3; }\n"              \
    "system() {\n" /* an error of a program, in its own words */              \
    "  case $1 in\n"                                                          \
    "    *'ermission denied'*|*'Read-only'*|*'not permitted'*) c=denied;;\n"  \
    "    *'No space left'*|*'quota'*) c=quota;;\n"                            \
    "    *'No such file'*) c=not_found;;\n"                                   \
    "    *'ot a directory'*|*'File exists'*|*'oo long'*|*'symbolic links'*) " \
    "c=invalid_argument;;\n"                                                  \
    "    *) c=unavailable;;\n"                                                \
    "  esac\n"                                                                \
    "  fail $c \"${1##*$'\\n'}\"\n"                                           \
    "}\n"                                                                     \
    "resolve() { r=$(readlink $1 -- \"$2\" && echo x) || r=$2$'\\n'x; r=${r%?x}; }\n"

const char aio_script_is_dir[] =
    BEGIN "[ -e \"$1\" ] || fail not_found \"$1 does not exist\"\n"
          "[ -d \"$1\" ] || fail invalid_argument \"$1 is not a directory\"\n"
          "[ -x \"$1\" ] || fail denied \"$1: permission denied\"\n";

/* $1 path, $2 lines or bytes, $3 offset, $4 limit (0: none), $5 bytes at most, $6 hash up to this
 * size, $7 totals up to this size. Answers: "size mode mtime total first sha", path, content. */
const char aio_script_read[] = BEGIN
    "resolve -f \"$1\"\n"
    "[ -e \"$r\" ] || [ -L \"$r\" ] || {\n"
    "  e=$(stat -- \"$r\" 2>&1 >/dev/null)\n"
    "  case $e in *'ermission denied'*) fail denied \"$1: permission denied\";; esac\n"
    "  fail not_found \"$1 does not exist\"\n"
    "}\n"
    "[ -d \"$r\" ] && fail invalid_argument \"$r is a directory\"\n"
    "[ -f \"$r\" ] || fail invalid_argument \"$r is not a regular file\"\n"
    "[ -r \"$r\" ] || fail denied \"$r: permission denied\"\n"
    "f=$(stat -c '%s %a %.3Y' -- \"$r\" 2>&1) || system \"$f\"\n"
    "size=${f%% *} total=-1 first=$3 sha=-\n"
    "if [ $2 = lines ] && [ $size -le $7 ]; then\n"
    "  total=$(wc -l <\"$r\")\n"
    "  [ $size -gt 0 ] && [ \"$(tail -c 1 -- \"$r\" | wc -l)\" = 0 ] && total=$((total + 1))\n"
    "  if [ $first -lt 0 ]; then\n"
    "    first=$((total + first + 1))\n"
    "    [ $first -ge 1 ] || first=1\n"
    "  fi\n"
    "fi\n"
    "[ $size -le $6 ] && sha=$(sha256sum <\"$r\" | cut -c 1-64)\n"
    "printf '%s %s %s %s\\n' \"$f\" $total $first \"$sha\"\n"
    "printf %s \"$r\" | base64 -w 0\n"
    "echo\n"
    "lines() { if [ $1 -gt 0 ]; then head -n $1; else cat; fi; }\n"
    "if [ $2 = bytes ]; then\n"
    "  tail -c +$((first + 1)) -- \"$r\" | head -c $5 | base64 -w 0\n"
    "elif [ $first -lt 0 ]; then\n"
    "  tail -n $((-first)) -- \"$r\" | lines $4 | head -c $5 | base64 -w 0\n"
    "else\n"
    "  tail -n +$first -- \"$r\" | lines $4 | head -c $5 | base64 -w 0\n"
    "fi\n";

/* $1 path, $2 overwrite, create or append, $3 octal mode or -, $4 expected hash, - any, none must
 * not exist, $5 totals up to this size, $6 inline or file, $7 base64 text or the file (which is
 * removed). Answers: "size mode created sha", path. */
const char aio_script_write[] = BEGIN
    "t= s=\n"
    "[ $6 = file ] && s=$7\n"
    "trap '[ -z \"$t\" ] || rm -f -- \"$t\"; [ -z \"$s\" ] || rm -f -- \"$s\"' EXIT\n"
    "content() { if [ -n \"$s\" ]; then cat -- \"$s\"; else printf %s \"$b\" | base64 -d; fi; }\n"
    "b=$7\n"
    "case $1 in */) fail invalid_argument \"$1 names a directory\";; esac\n"
    "resolve -m \"$1\"\n"
    "[ -d \"$r\" ] && fail invalid_argument \"$r is a directory\"\n"
    "created=1\n"
    "if [ -e \"$r\" ]; then\n"
    "  [ -f \"$r\" ] || fail invalid_argument \"$r is not a regular file\"\n"
    "  created=0\n"
    "  [ $2 != create ] || fail conflict \"$r exists\"\n"
    "  [ \"$4\" != none ] || fail conflict \"$r exists\"\n"
    "fi\n"
    "case $4 in -|none) ;; *)\n"
    "  [ $created = 0 ] || fail conflict \"$r does not exist\"\n"
    "  h=$(sha256sum <\"$r\" 2>&1) || system \"$h\"\n"
    "  [ \"${h%% *}\" = \"$4\" ] || fail conflict \"$r has changed: its sha256 is ${h%% *}\";;\n"
    "esac\n"
    "d=${r%/*}\n"
    "d=${d:-/}\n"
    "[ -d \"$d\" ] || e=$(mkdir -p -- \"$d\" 2>&1) || system \"$e\"\n"
    "if [ $2 = append ] && [ $created = 0 ]; then\n"
    "  e=$( { content >>\"$r\"; } 2>&1) || system \"$e\"\n"
    "  [ $3 = - ] || e=$(chmod $3 -- \"$r\" 2>&1) || system \"$e\"\n"
    "elif t=$(mktemp -- \"$d/.smcp.XXXXXXXX\" 2>/dev/null); then\n"
    "  e=$( { content >\"$t\"; } 2>&1) || system \"$e\"\n"
    "  if [ $created = 0 ]; then\n"
    "    chown --reference=\"$r\" -- \"$t\" 2>/dev/null\n"
    "    chmod --reference=\"$r\" -- \"$t\" 2>/dev/null\n"
    "  else\n"
    "    chmod 0644 -- \"$t\"\n"
    "  fi\n"
    "  [ $3 = - ] || e=$(chmod $3 -- \"$t\" 2>&1) || system \"$e\"\n"
    "  if [ $2 = create ] && ln -T -- \"$t\" \"$r\" 2>/dev/null; then\n"
    "    :\n"
    "  elif [ $2 = create ] && [ -e \"$r\" ]; then\n"
    "    fail conflict \"$r exists\"\n"
    "  else\n"
    "    e=$(mv -fT -- \"$t\" \"$r\" 2>&1) || system \"$e\"\n"
    "  fi\n"
    "else\n" /* a file that may be written in a directory that may not */
    "  t=\n"
    "  e=$( { content >\"$r\"; } 2>&1) || system \"$e\"\n"
    "  [ $3 = - ] || e=$(chmod $3 -- \"$r\" 2>&1) || system \"$e\"\n"
    "fi\n"
    "f=$(stat -c '%s %a' -- \"$r\" 2>&1) || system \"$f\"\n"
    "sha=-\n"
    "[ ${f%% *} -gt $5 ] || sha=$(sha256sum <\"$r\" | cut -c 1-64)\n"
    "printf '%s %s %s\\n' \"$f\" $created \"${sha:--}\"\n"
    "printf %s \"$r\" | base64 -w 0\n"
    "echo\n";

/* $1 path, $2 depth, $3 hidden (1 or 0), $4 honour .gitignore (1 or 0), $5 entries at most.
 * Answers: path, then as base64 records "type mode size mtime path\0target\0". */
const char aio_script_list[] = BEGIN
    "resolve -f \"$1\"\n"
    "[ -e \"$r\" ] || {\n"
    "  e=$(stat -- \"$r\" 2>&1 >/dev/null)\n"
    "  case $e in *'ermission denied'*) fail denied \"$1: permission denied\";; esac\n"
    "  fail not_found \"$1 does not exist\"\n"
    "}\n"
    "[ -d \"$r\" ] || fail invalid_argument \"$r is not a directory\"\n"
    "[ -r \"$r\" ] && [ -x \"$r\" ] || fail denied \"$r: permission denied\"\n"
    "printf %s \"$r\" | base64 -w 0\n"
    "echo\n"
    "skip=()\n"
    "[ $3 = 1 ] || skip+=(-name '.*' -o)\n"
    "if [ $4 = 1 ] && git -C \"$r\" rev-parse --is-inside-work-tree >/dev/null 2>&1; then\n"
    "  while IFS= read -r -d '' p && [ ${#skip[@]} -lt 3000 ]; do\n"
    "    p=${p%/}\n"
    "    p=${p//\\\\/\\\\\\\\}\n"
    "    p=${p//\\*/\\\\*}\n"
    "    p=${p//\\?/\\\\?}\n"
    "    p=${p//\\[/\\\\[}\n"
    "    skip+=(-path \"./$p\" -o)\n"
    "  done < <(git -C \"$r\" ls-files -z --others --ignored --exclude-standard --directory \\\n"
    "    2>/dev/null)\n"
    "fi\n"
    "cd -- \"$r\" || fail denied \"$r: permission denied\"\n"
    "skip+=(-false)\n"
    "find . -mindepth 1 -maxdepth $2 \\( \"${skip[@]}\" \\) -prune -o \\\n"
    "  -printf '%y %m %s %T@ %P\\0%l\\0' 2>/dev/null | head -z -n $(($5 * 2)) | base64 -w 0\n";

/* $1 id of a command, $2 signal: to all that still carry its mark. */
const char aio_script_kill[] =
    "for e in $(grep -lzxF \"SANDBOX_MCP_PROCESS=$1\" /proc/[0-9]*/environ 2>/dev/null); do\n"
    "  e=${e#/proc/}\n"
    "  kill -$2 ${e%/environ} 2>/dev/null\n"
    "done\n"
    "exit 0\n";

/* $1 pid, $2 signal, $3 seconds until KILL (0: never): to it and all below it. */
const char aio_script_kill_pid[] =
    BEGIN "tree() {\n"
          "  echo $1\n"
          "  local c\n"
          "  for c in $(cat /proc/$1/task/*/children 2>/dev/null); do tree $c; done\n"
          "}\n"
          "[ -d /proc/$1 ] || fail not_found \"no process with pid $1\"\n"
          "all=$(echo $(tree $1))\n"
          "case \" $all \" in *\" $$ \"*) fail denied \"pid $1 runs this sandbox\";; esac\n"
          "e=$(kill -$2 $1 2>&1) || system \"$e\"\n"
          "kill -$2 $all 2>/dev/null\n"
          "[ $3 != 0 ] || exit 0\n"
          "for i in $(seq $(($3 * 10))); do\n"
          "  kill -0 $all 2>/dev/null || exit 0\n"
          "  sleep 0.1\n"
          "done\n"
          "kill -9 $all 2>/dev/null\n"
          "exit 0\n";

/* $1...: files and directories of our own. */
const char aio_script_remove[] = "rm -rf -- \"$@\"\n";

const char aio_script_cat[] = "cat -- \"$1\" 2>/dev/null\n";

const char aio_script_processes[] =
    "ps -eo pid,ppid,user,etimes,rss,args --sort=pid 2>/dev/null | cut -c 1-200 | head -n 300\n";

/* Lines "name value". */
const char aio_script_metrics[] =
    "c=/sys/fs/cgroup\n"
    "echo cpus $(nproc)\n"
    "m=$(cat $c/memory.current $c/memory/memory.usage_in_bytes 2>/dev/null | head -n 1)\n"
    "[ -z \"$m\" ] || echo usage.memory_mb $((m / 1048576))\n"
    "l=$(cat $c/memory.max $c/memory/memory.limit_in_bytes 2>/dev/null | head -n 1)\n"
    "case $l in ''|max|????????????????*) ;; *) echo resources.memory_mb $((l / 1048576));; esac\n"
    "echo usage.load $(cut -d ' ' -f 1-3 /proc/loadavg)\n"
    "df -Pm . | tail -n 1 | { read -r d s u f r; echo resources.disk_mb $s; echo usage.disk_mb $u; "
    "}\n"
    "exit 0\n";
