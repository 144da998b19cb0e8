#include "backend/remote/aio_exec.h"
#include "base/b64.h"

#include <stdio.h>
#include <string.h>

#define COMMAND_MAX 100000 /* one argument of a program has 128 KiB at most */
#define STDIN_INLINE 32768

/*
 * Around a command of a shell session. The service starts every command in a process of its own, so
 * what lasts is written to a file: variables, functions, aliases, options, umask and directory.
 */
static const char shell_begin[] =
    "exec </dev/null\n"
    "__smcp_save() {\n"
    "  local __smcp_rc=$? __smcp_v __smcp_o=$(set +o) __smcp_s=$(shopt -p)\n"
    "  set +eux\n"
    "  {\n"
    "    printf '%s\\n' \"$__smcp_s\"\n"
    "    while IFS= read -r __smcp_v; do\n"
    "      case $__smcp_v in\n"
    "        __smcp_*|BASH*|COMP_*|DIRSTACK|EPOCH*|EUID|FUNCNAME|GROUPS|HISTCMD|LINENO) ;;\n"
    "        OPTERR|OPTIND|PIPESTATUS|PPID|PWD|RANDOM|SECONDS|SHELLOPTS|SRANDOM|UID|_) ;;\n"
    "        SANDBOX_MCP_PROCESS) ;;\n"
    "        *) declare -p \"$__smcp_v\";;\n"
    "      esac\n"
    "    done < <(compgen -v)\n"
    "    unset -f __smcp_save\n"
    "    declare -f\n"
    "    alias -p\n"
    "    umask -p\n"
    "    printf 'cd -- %q\\n%s\\n' \"$PWD\" \"$__smcp_o\"\n"
    "  } >\"$__smcp_dir/new\" 2>/dev/null\n"
    "  mv -f -- \"$__smcp_dir/new\" \"$__smcp_dir/state\"\n"
    "  printf %s \"$PWD\" >\"$__smcp_dir/cwd\"\n"
    "  exit $__smcp_rc\n"
    "} 2>/dev/null\n"
    "shopt -s expand_aliases\n"
    "[ -d \"$__smcp_dir\" ] || (umask 077; mkdir -p -- \"$__smcp_dir\")\n"
    "trap __smcp_save EXIT\n"
    "[ ! -r \"$__smcp_dir/state\" ] || . \"$__smcp_dir/state\" 2>/dev/null\n";

/* A trap on EXIT of the command's own belongs to the session, which does not end here. */
static const char shell_end[] =
    "\n{ __smcp_rc=$?; \\trap __smcp_save EXIT; \\exit $__smcp_rc; } 2>/dev/null\n";

int aio_quote(struct buf *out, const char *s, size_t len, struct err *err)
{
    if (buf_addc(out, '\'', err))
        return -1;
    while (len) {
        const char *quote = memchr(s, '\'', len);
        size_t n = quote ? (size_t)(quote - s) : len;
        if (buf_add(out, s, n, err) || (quote && buf_adds(out, "'\\''", err)))
            return -1;
        s += n + (quote ? 1 : 0);
        len -= n + (quote ? 1 : 0);
    }
    return buf_addc(out, '\'', err);
}

/* Write a file of our own, base64 on the way. */
int aio_put(struct aio *a, struct call *call, const char *path, const char *data, size_t len,
            struct err *err)
{
    AUTO(buf) struct buf b64 = BUF_MAX(FILE_WRITE_MAX * 2), body = BUF_MAX(FILE_WRITE_MAX * 2);
    AUTO_JSON yyjson_doc *doc = NULL;
    struct jw w = JW(&body, err);
    struct aio_ask ask = { .method = "POST",
                           .path = "/v1/file/write",
                           .body = &body,
                           .idempotent = true,
                           .timeout_ms = 3 * AIO_ASK_MS };
    yyjson_val *written;

    if (b64_encode(&b64, data, len, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "file", path);
    jw_kstr(&w, "content", buf_str(&b64));
    jw_kstr(&w, "encoding", "base64");
    jw_end(&w);
    return jw_done(&w) || aio_ask(a, call, &ask, &doc, &written, err) ? -1 : 0;
}

int aio_scratch(struct aio *a, const char *name, const char *suffix, struct buf *out,
                struct err *err)
{
    return buf_addf(out, err, "%s/%s/%s%s", a->home, AIO_SCRATCH, name, suffix);
}

/* " <..." for bash's stdin. */
static int add_stdin(struct aio_job *j, struct call *call, const struct exec_request *req,
                     struct buf *before, struct buf *after, struct err *err)
{
    struct aio *a = aio_of(&j->sandbox->base);
    AUTO(buf) struct buf path = BUF_MAX(8192);

    j->files |= req->stdin_len > STDIN_INLINE;
    if (!req->stdin_data || !req->stdin_len)
        return buf_adds(after, " </dev/null", err);
    if (req->stdin_len <= STDIN_INLINE)
        return buf_adds(after, " < <(printf %s '", err) ||
                       b64_encode(after, req->stdin_data, req->stdin_len, err) ||
                       buf_adds(after, "' | base64 -d)", err)
                   ? -1
                   : 0;
    if (aio_scratch(a, j->id, ".in", &path, err) ||
        aio_put(a, call, buf_str(&path), req->stdin_data, req->stdin_len, err) ||
        buf_adds(before, "exec 9<", err) || aio_quote(before, path.data, path.len, err) ||
        buf_adds(before, " && rm -f -- ", err) || aio_quote(before, path.data, path.len, err))
        return -1;
    return buf_adds(before, "\n", err) || buf_adds(after, " <&9 9<&-", err) ? -1 : 0;
}

static int in_shell(struct aio_job *j, struct call *call, const struct exec_request *req,
                    const char *cwd, struct buf *out, struct err *err)
{
    struct aio *a = aio_of(&j->sandbox->base);
    AUTO(buf) struct buf dir = BUF_MAX(8192), in = BUF_MAX(256 * 1024);

    if (aio_scratch(a, j->shell->id, "", &dir, err) || buf_adds(out, "__smcp_dir=", err) ||
        aio_quote(out, dir.data, dir.len, err) || buf_addc(out, '\n', err) ||
        buf_adds(out, shell_begin, err))
        return -1;
    for (size_t i = 0; i < req->env_count; i++)
        if (buf_addf(out, err, "export %s=", req->env[i].name) ||
            aio_quote(out, req->env[i].value, strlen(req->env[i].value), err) ||
            buf_addc(out, '\n', err))
            return -1;
    if (req->cwd && (buf_adds(out, "cd -- ", err) || aio_quote(out, cwd, strlen(cwd), err) ||
                     buf_adds(out, " || exit\n", err)))
        return -1;
    if (add_stdin(j, call, req, out, &in, err) || buf_adds(out, "exec", err) ||
        buf_add(out, buf_str(&in), in.len, err) || buf_adds(out, "\n\\eval ", err) ||
        aio_quote(out, req->command, strlen(req->command), err))
        return -1;
    return buf_adds(out, shell_end, err);
}

/* Too long for one argument: the text goes into a script that removes itself. */
static int by_file(struct aio_job *j, struct call *call, const char *text, size_t len,
                   struct buf *path, struct err *err)
{
    AUTO(buf) struct buf script = BUF_MAX(8 * 1024 * 1024);

    j->files = true;
    if (aio_scratch(aio_of(&j->sandbox->base), j->id, ".sh", path, err) ||
        buf_adds(&script, "rm -f -- ", err) || aio_quote(&script, path->data, path->len, err) ||
        buf_adds(&script, "; ", err) || buf_add(&script, text, len, err))
        return -1;
    return aio_put(aio_of(&j->sandbox->base), call, path->data, script.data, script.len, err);
}

static int plain(struct aio_job *j, struct call *call, const struct exec_request *req,
                 struct buf *out, struct err *err)
{
    AUTO(buf) struct buf in = BUF_MAX(256 * 1024), path = BUF_MAX(8192);
    size_t len = strlen(req->command);

    if (add_stdin(j, call, req, out, &in, err) || buf_adds(out, "exec bash ", err))
        return -1;
    if (len > COMMAND_MAX ? by_file(j, call, req->command, len, &path, err) ||
                                aio_quote(out, path.data, path.len, err)
                          : buf_adds(out, "-c ", err) || aio_quote(out, req->command, len, err))
        return -1;
    return buf_add(out, buf_str(&in), in.len, err);
}

int aio_command(struct aio_job *j, struct call *call, const struct exec_request *req,
                const char *cwd, struct buf *out, struct err *err)
{
    AUTO(buf) struct buf path = BUF_MAX(8192);
    AUTO(buf) struct buf text = BUF_MAX(4 * 1024 * 1024);

    if (!j->shell)
        return plain(j, call, req, out, err);
    if (in_shell(j, call, req, cwd, &text, err))
        return -1;
    if (text.len <= COMMAND_MAX)
        return buf_add(out, text.data, text.len, err);
    return by_file(j, call, text.data, text.len, &path, err) || buf_adds(out, ". ", err) ||
                   aio_quote(out, path.data, path.len, err)
               ? -1
               : 0;
}
