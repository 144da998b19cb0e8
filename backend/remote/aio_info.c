#include "backend/remote/aio_info.h"
#include "backend/remote/aio_exec.h"

#include <stdio.h>
#include <string.h>

#define LIST_MAX 500

static int add_str(struct sandbox_info *res, const char *name, yyjson_val *obj, const char *key,
                   struct err *err)
{
    const char *value = json_str(obj, key);

    return value && *value ? sandbox_info_add(res, name, err, "%s", value) : 0;
}

static int add_runtimes(struct sandbox_info *res, yyjson_val *runtime, struct err *err)
{
    yyjson_val *language, *tools, *tool;
    char name[64];
    size_t i, n;

    yyjson_obj_foreach (runtime, i, n, language, tools) {
        const char *which = yyjson_get_str(language);
        tool = yyjson_arr_get_first(tools);
        snprintf(name, sizeof(name), "versions.%s", which ? which : "");
        if (tool && add_str(res, name, tool, "ver", err))
            return -1;
    }
    return 0;
}

static int add_ports(struct sandbox_info *res, yyjson_val *system, struct err *err)
{
    yyjson_val *port;
    size_t i, n;

    yyjson_arr_foreach (yyjson_obj_get(system, "occupied_ports"), i, n, port) {
        if (yyjson_is_str(port) ? strings_addf(&res->ports, err, "%s", yyjson_get_str(port))
            : yyjson_is_int(port)
                ? strings_addf(&res->ports, err, "%lld", (long long)yyjson_get_sint(port))
                : 0)
            return -1;
    }
    return 0;
}

/* Each line of what a script prints. */
static int add_lines(struct strings *list, const struct buf *text, struct err *err)
{
    const char *p = buf_str(text);

    while (*p && list->count < LIST_MAX) {
        size_t n = strcspn(p, "\n");
        if (n && strings_add(list, p, n, err))
            return -1;
        p += n + (p[n] == '\n');
    }
    return 0;
}

/* Lines "name value". */
static int add_facts(struct sandbox_info *res, const struct buf *text, struct err *err)
{
    for (const char *p = buf_str(text); *p;) {
        size_t n = strcspn(p, "\n"), name = strcspn(p, " \n");
        char key[64];
        snprintf(key, sizeof(key), "%.*s", (int)name, p);
        if (name < n && sandbox_info_add(res, key, err, "%.*s", (int)(n - name - 1), p + name + 1))
            return -1;
        p += n + (p[n] == '\n');
    }
    return 0;
}

/* A list of names, or of {name, version}. */
static int add_packages(struct aio *a, struct call *call, struct sandbox_info *res, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = NULL;
    struct aio_ask ask = { .method = "GET",
                           .path = "/v1/sandbox/packages/python",
                           .idempotent = true,
                           .timeout_ms = 2 * AIO_ASK_MS };
    yyjson_val *data, *item;
    size_t i, n;

    if (aio_ask(a, call, &ask, &doc, &data, err))
        return -1;
    yyjson_arr_foreach (data, i, n, item) {
        const char *name = yyjson_is_str(item) ? yyjson_get_str(item) : json_str(item, "name");
        const char *version = json_str(item, "version");
        if (name && i < LIST_MAX &&
            strings_addf(&res->packages, err, "%s%s%s", name, version ? "==" : "",
                         version ? version : ""))
            return -1;
    }
    return 0;
}

static int add_costly(struct aio *a, struct call *call, unsigned include, struct sandbox_info *res,
                      struct err *err)
{
    AUTO(buf) struct buf out = BUF_MAX(256 * 1024);

    if ((include & INFO_PACKAGES) && add_packages(a, call, res, err))
        return -1;
    if ((include & INFO_PROCESSES) &&
        (aio_help(a, call, aio_script_processes, NULL, 0, true, &out, err) ||
         add_lines(&res->processes, &out, err)))
        return -1;
    if (!(include & INFO_METRICS))
        return 0;
    return aio_help(a, call, aio_script_metrics, NULL, 0, true, &out, err) ||
                   add_facts(res, &out, err)
               ? -1
               : 0;
}

static int add_honesty(struct sandbox_info *res, struct err *err)
{
    if (strings_addf(&res->layers, err,
                     "container of the AIO service; not set up and not checked by this server") ||
        strings_addf(&res->degraded, err,
                     "isolation, network policy and limits are the service's: this server adds "
                     "none") ||
        strings_addf(&res->degraded, err,
                     "one container for everyone: files and processes are shared by all who use "
                     "this server") ||
        strings_addf(&res->degraded, err,
                     "shell sessions are emulated: background jobs are not known to later "
                     "commands"))
        return -1;
    return 0;
}

int aio_info(struct sandbox *sb, struct call *call, unsigned include, struct sandbox_info *res,
             struct err *err)
{
    struct aio *a = aio_of(sb);
    AUTO_JSON yyjson_doc *doc = NULL;
    struct aio_ask ask = { .method = "GET", .path = "/v1/sandbox", .idempotent = true };
    yyjson_val *data, *root, *detail, *system;
    const char *name = ((struct aio_sandbox *)sb)->name;

    if (aio_paths(a, call, err) || aio_ask(a, call, &ask, &doc, &data, err))
        return -1;
    root = yyjson_doc_get_root(doc);
    detail = yyjson_obj_get(yyjson_is_obj(data) ? data : root, "detail");
    system = yyjson_obj_get(detail, "system");
    memcpy(res->id, sb->id, sizeof(res->id));
    res->name = name ? strdup(name) : NULL;
    res->state = strdup("running");
    res->workspace = strdup(a->workspace);
    res->home = strdup(a->home);
    if (!res->state || !res->workspace || !res->home || (name && !res->name))
        return err_oom(err);
    if (sandbox_info_add(res, "service.url", err, "%s", http_origin(a->http)) ||
        add_str(res, "service.version", root, "version", err) ||
        add_str(res, "system.os", system, "os", err) ||
        add_str(res, "system.os_version", system, "os_version", err) ||
        add_str(res, "system.arch", system, "arch", err) ||
        add_str(res, "system.user", system, "user", err) ||
        add_str(res, "system.timezone", system, "timezone", err) ||
        add_runtimes(res, yyjson_obj_get(detail, "runtime"), err) || add_honesty(res, err))
        return -1;
    if ((include & INFO_HEALTH) && sandbox_info_add(res, "health", err, "answering"))
        return -1;
    if ((include & INFO_PORTS) && add_ports(res, system, err))
        return -1;
    return add_costly(a, call, include, res, err);
}
