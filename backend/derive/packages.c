/*
 * pip and npm as commands of the sandbox. Names are checked to be names, so that none is an option,
 * a path, a URL or a word of the shell; all else that is told comes from the sandbox.
 */
#include "backend/derive/derive.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_BYTES 6000
#define LIST_BYTES (48 * 1024)
#define LIST_MS 20000
#define NO_PROGRAM 97
#define NO_INSTALLER 98

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME LETTERS "0123456789._-"

#define FIND_PYTHON                                                                       \
    "cd ~; for py in /usr/bin/python3 /usr/local/bin/python3 \"$(command -v python3)\"; " \
    "do [ -x \"$py\" ] && break; done; [ -x \"$py\" ] || exit 97; "
#define FIND_NODE "command -v node >/dev/null || exit 97; "

/* Both print how many there are, then "name<TAB>version" lines. */
static const char python_list[] = FIND_PYTHON
    "PYTHONSAFEPATH=1 exec \"$py\" -c '\n"
    "import importlib.metadata as m, os, re\n"
    "norm = lambda s: re.sub(\"[-_.]+\", \"-\", s).lower()\n"
    "part, only = norm(os.environ[\"FILTER\"]), {norm(n) for n in os.environ[\"ONLY\"].split()}\n"
    "found = {}\n"
    "for d in m.distributions():\n"
    "    name = d.metadata[\"Name\"]\n"
    "    if name and part in norm(name) and (not only or norm(name) in only):\n"
    "        found.setdefault(norm(name), (name, d.version or \"\"))\n"
    "print(len(found))\n"
    "for key in sorted(found)[:300]:\n"
    "    print(\"\\t\".join(\" \".join(s.split()) for s in found[key]))\n'";

static const char node_list[] = FIND_NODE
    "exec node -e '\n"
    "const fs = require(\"fs\"), path = require(\"path\");\n"
    "const part = process.env.FILTER.toLowerCase();\n"
    "const only = new Set(process.env.ONLY.split(\" \").filter(Boolean)), found = new Map();\n"
    "const names = (dir) => { try { return fs.readdirSync(dir); } catch { return []; } };\n"
    "const look = (dir, name) => {\n"
    "  if (name[0] === \".\" || found.has(name) || (only.size && !only.has(name))) return;\n"
    "  if (!name.toLowerCase().includes(part)) return;\n"
    "  try {\n"
    "    const text = fs.readFileSync(path.join(dir, name, \"package.json\"), \"utf8\");\n"
    "    found.set(name, String(JSON.parse(text).version || \"\"));\n"
    "  } catch {}\n"
    "};\n"
    "for (const dir of [...require.resolve.paths(\"x\"), ...require(\"module\").globalPaths])\n"
    "  for (const name of names(dir))\n"
    "    if (name[0] !== \"@\") look(dir, name);\n"
    "    else for (const below of names(path.join(dir, name))) look(dir, name + \"/\" + below);\n"
    "console.log(found.size);\n"
    "for (const name of [...found.keys()].sort().slice(0, 300))\n"
    "  console.log(name + \"\\t\" + found.get(name).replace(/\\s+/g, \" \"));\n'";

static const struct language {
    const char *name, *program, *installer, *package, *list, *install, *uninstall;
} languages[] = {
    { "python", "python3", "pip", "python3-pip", python_list,
      FIND_PYTHON
      "\"$py\" -m pip --version >/dev/null 2>&1 || exit 98; exec \"$py\" -m pip install "
      "--user --no-input --no-color --progress-bar off --retries 1 --",
      FIND_PYTHON "\"$py\" -m pip --version >/dev/null 2>&1 || exit 98; exec \"$py\" -m pip "
                  "uninstall --yes --no-input --no-color --" },
    { "javascript", "node", "npm", "npm", node_list,
      FIND_NODE "command -v npm >/dev/null || exit 98; exec npm install --global --prefix "
                "\"$HOME/.local\" --no-audit --no-fund --no-progress --fetch-retries=1 "
                "--fetch-retry-mintimeout=1000 --",
      FIND_NODE "command -v npm >/dev/null || exit 98; exec npm uninstall --global --prefix "
                "\"$HOME/.local\" --no-audit --no-fund --no-progress --" },
};

static int bad_name(const char *name, struct err *err)
{
    err_set(err, ERR_INVALID, "names: \"%.80s\" is not the name of a package", name);
    return err_next(err, "give a name of the registry, with a version if wanted (numpy==2.1, "
                         "lodash@4); for anything else run pip or npm with terminal_execute");
}

/* NAME [extras] [versions]: length of the name itself; 0: it is none. */
static size_t python_name(const char *text)
{
    size_t n = strspn(text, NAME), all;

    if (!strchr(LETTERS "0123456789", *text))
        return 0;
    all = n;
    if (text[all] == '[') {
        all += 1 + strspn(text + all + 1, NAME ",");
        if (text[all++] != ']')
            return 0;
    }
    if (text[all] && !strchr("<>=!~", text[all]))
        return 0;
    all += strspn(text + all, NAME "<>=!~*+,");
    return text[all] ? 0 : n;
}

/* [@SCOPE/]NAME[@VERSION]; likewise. */
static size_t node_name(const char *text)
{
    size_t n = 0, part;

    if (*text == '@') {
        n = 1 + strspn(text + 1, NAME);
        if (n == 1 || text[1] == '.' || text[1] == '-' || text[n++] != '/')
            return 0;
    }
    part = strspn(text + n, NAME);
    if (!part || text[n] == '.' || text[n] == '-')
        return 0;
    n += part;
    if (!text[n])
        return n;
    if (text[n] != '@' || !text[n + 1] || text[n + 1] == '-')
        return 0;
    return text[n + 1 + strspn(text + n + 1, NAME "^~<>=*+")] ? 0 : n;
}

static size_t name_length(const struct language *l, const char *text)
{
    return l == languages ? python_name(text) : node_name(text);
}

static int check(const struct language *l, const struct packages_request *req, struct err *err)
{
    if (req->action == PACKAGES_LIST)
        return 0;
    if (!req->name_count || req->name_count > PACKAGES_NAMES_MAX)
        return err_set(err, ERR_INVALID, "names: 1 to %d are required", PACKAGES_NAMES_MAX);
    for (size_t i = 0; i < req->name_count; i++)
        if (!name_length(l, req->names[i]))
            return bad_name(req->names[i], err);
    return 0;
}

static int missing(const struct language *l, int exit_code, struct err *err)
{
    if (exit_code == NO_PROGRAM)
        err_set(err, ERR_UNAVAILABLE, "this sandbox has no %s", l->program);
    else
        err_set(err, ERR_UNAVAILABLE, "this sandbox has no %s", l->installer);
    return err_next(err, "install %s where the server runs (package %s)",
                    exit_code == NO_PROGRAM ? l->program : l->installer,
                    exit_code == NO_PROGRAM ? l->program : l->package);
}

static int add_line(struct packages_result *res, const char *line, size_t len, struct err *err)
{
    const char *tab = memchr(line, '\t', len);
    struct name_value *items = res->items;

    if (!tab || res->count >= PACKAGES_LISTED_MAX)
        return 0;
    if (res->count == res->cap) {
        items = realloc(items, (res->cap + 64) * sizeof(*items));
        if (!items)
            return err_oom(err);
        res->items = items;
        res->cap += 64;
    }
    items[res->count] = (struct name_value){
        strndup(line, (size_t)(tab - line)),
        strndup(tab + 1, len - (size_t)(tab + 1 - line)),
    };
    res->count++;
    return items[res->count - 1].name && items[res->count - 1].value ? 0 : err_oom(err);
}

static int take_list(const struct buf *text, struct packages_result *res, struct err *err)
{
    const char *at = buf_str(text), *end = at + text->len;

    res->total = strtoll(at, NULL, 10);
    while (at < end) {
        const char *nl = memchr(at, '\n', (size_t)(end - at));
        if (!nl)
            break;
        if (add_line(res, at, (size_t)(nl - at), err))
            return -1;
        at = nl + 1;
    }
    if (res->total < 0 || res->total < (int64_t)res->count)
        res->total = (int64_t)res->count;
    return 0;
}

static int list(struct sandbox *sb, struct call *call, const struct language *l, const char *filter,
                const char *only, struct packages_result *res, struct err *err)
{
    const struct env_var env[] = { { "FILTER", filter ? filter : "" }, { "ONLY", only } };
    AUTO(exec_result) struct exec_result x = { 0 };
    struct exec_request exec = {
        .command = l->list,
        .env = env,
        .env_count = COUNT_OF(env),
        .timeout_ms = LIST_MS,
        .yield_ms = LIST_MS + 5000,
        .max_bytes = LIST_BYTES,
    };

    if (sandbox_exec(sb, call, &exec, &x, err))
        return -1;
    if (x.status == EXEC_EXITED && x.exit_code == NO_PROGRAM)
        return missing(l, NO_PROGRAM, err);
    if (x.status != EXEC_EXITED || x.exit_code) {
        err_set(err, ERR_UNAVAILABLE, "the packages cannot be listed: %.150s",
                buf_str(&x.errs.text));
        return err_next(err, "try it by hand with terminal_execute");
    }
    return take_list(&x.out.text, res, err);
}

static int put_command(const struct language *l, const struct packages_request *req,
                       struct buf *out, struct err *err)
{
    bool install = req->action == PACKAGES_INSTALL;

    if (buf_adds(out, install ? l->install : l->uninstall, err))
        return -1;
    for (size_t i = 0; i < req->name_count; i++) {
        size_t n = install ? strlen(req->names[i]) : name_length(l, req->names[i]);
        if (buf_adds(out, " '", err) || buf_add(out, req->names[i], n, err) ||
            buf_addc(out, '\'', err))
            return -1;
    }
    return buf_adds(out, " 2>&1", err);
}

static int explain(const struct exec_result *x, struct buf *note, struct err *err)
{
    if (x->note && buf_addf(note, err, "%s ", x->note))
        return -1;
    for (size_t i = 0; i < x->denied.count; i++)
        if (buf_addf(note, err, "%s. ", x->denied.items[i]))
            return -1;
    if (x->status == EXEC_RUNNING || (x->status == EXEC_EXITED && !x->exit_code))
        return 0;
    if (x->note || x->denied.count)
        return buf_adds(note,
                        "The operator can allow the hosts of the registry: start the server with "
                        "--network allow=HOST,HOST.",
                        err);
    return 0;
}

static int take_log(const struct stream_text *s, char **out, struct err *err)
{
    AUTO(buf) struct buf log = BUF_MAX(4 * LOG_BYTES);
    size_t head = s->omitted ? s->hole : s->text.len;

    if (buf_add(&log, buf_str(&s->text), head, err))
        return -1;
    if (s->omitted &&
        (buf_addf(&log, err, "\n[... %llu bytes omitted ...]\n", (unsigned long long)s->omitted) ||
         buf_add(&log, s->text.data + head, s->text.len - head, err)))
        return -1;
    if (log.len)
        *out = buf_take(&log);
    return 0;
}

static int take_run(struct exec_result *x, struct packages_result *res, struct err *err)
{
    AUTO(buf) struct buf note = BUF_MAX(16 * 1024);

    res->status = x->status;
    res->exit_code = x->exit_code;
    if (x->status == EXEC_RUNNING) {
        memcpy(res->process_id, x->process_id, sizeof(res->process_id));
        memcpy(res->cursor, x->cursor, sizeof(res->cursor));
    }
    if (take_log(&x->out, &res->log, err) || explain(x, &note, err))
        return -1;
    if (note.len)
        res->note = buf_take(&note);
    return 0;
}

static int list_installed(struct sandbox *sb, struct call *call, const struct language *l,
                          const struct packages_request *req, struct packages_result *res,
                          struct err *err)
{
    AUTO(buf) struct buf only = BUF_MAX(PACKAGES_NAMES_MAX * 256);

    for (size_t i = 0; i < req->name_count; i++)
        if (buf_add(&only, req->names[i], name_length(l, req->names[i]), err) ||
            buf_addc(&only, ' ', err))
            return -1;
    return list(sb, call, l, NULL, buf_str(&only), res, err);
}

static int change(struct sandbox *sb, struct call *call, const struct language *l,
                  const struct packages_request *req, struct packages_result *res, struct err *err)
{
    static const struct env_var env[] = { { "PIP_BREAK_SYSTEM_PACKAGES", "1" },
                                          { "PIP_DISABLE_PIP_VERSION_CHECK", "1" },
                                          { "PIP_ROOT_USER_ACTION", "ignore" } };
    AUTO(buf) struct buf command = BUF_MAX(32 * 1024);
    AUTO(exec_result) struct exec_result x = { 0 };
    struct exec_request exec = {
        .env = env,
        .env_count = COUNT_OF(env),
        .timeout_ms = req->timeout_ms,
        .yield_ms = req->yield_ms,
        .stay = req->stay,
        .max_bytes = LOG_BYTES,
    };

    if (put_command(l, req, &command, err))
        return -1;
    exec.command = buf_str(&command);
    if (sandbox_exec(sb, call, &exec, &x, err))
        return -1;
    if (x.status == EXEC_EXITED && (x.exit_code == NO_PROGRAM || x.exit_code == NO_INSTALLER))
        return missing(l, x.exit_code, err);
    if (take_run(&x, res, err))
        return -1;
    if (req->action != PACKAGES_INSTALL || x.status != EXEC_EXITED || x.exit_code)
        return 0;
    return list_installed(sb, call, l, req, res, err);
}

int derive_packages(struct sandbox *sb, struct call *call, const struct packages_request *req,
                    struct packages_result *res, struct err *err)
{
    const struct language *l = strcmp(req->language, "python") ? &languages[1] : &languages[0];

    if (check(l, req, err))
        return -1;
    if (req->action == PACKAGES_LIST)
        return list(sb, call, l, req->filter, "", res, err);
    return change(sb, call, l, req, res, err);
}
