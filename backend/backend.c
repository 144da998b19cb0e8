#include "backend/backend.h"
#include "backend/browser/keeper.h"
#include "backend/browser_url.h"
#include "backend/derive/derive.h"
#include "backend/undo.h"
#include "base/id.h"

#include <string.h>

extern const struct backend_ops aio_backend;
extern const struct backend_ops fake_backend;
extern const struct backend_ops local_backend;

static const struct backend_ops *const backends[] = {
    &local_backend,
    &aio_backend,
    &fake_backend,
};

static const char *names[COUNT_OF(backends) + 1];

const char *const *backend_names(void)
{
    for (size_t i = 0; i < COUNT_OF(backends); i++)
        names[i] = backends[i]->name;
    return names;
}

static const struct backend_ops *find(const char *kind)
{
    for (size_t i = 0; i < COUNT_OF(backends); i++)
        if (!strcmp(backends[i]->name, kind))
            return backends[i];
    return NULL;
}

int backend_open(const char *kind, const struct backend_config *config, struct backend **out,
                 struct err *err)
{
    const struct backend_ops *ops = find(kind);

    if (!ops)
        return err_set(err, ERR_INVALID, "no backend named \"%s\"", kind);
    if (browser_url_check(config, err))
        return -1;

    AUTO_FREE struct backend *be = calloc(1, ops->backend_size);
    if (!be || !(be->undo = undo_new(&undo_default_limits)))
        return err_oom(err);
    be->ops = ops;
    be->config = config;
    if (ops->open(be, config, err)) {
        undo_free(be->undo);
        return err_wrap(err, "open the %s backend", kind);
    }
    *out = TAKE(be);
    return 0;
}

void backend_free(struct backend *be)
{
    if (!be)
        return;
    be->ops->close(be);
    undo_free(be->undo);
    free(be);
}

static bool browses(const struct backend *be)
{
    const struct browser_ops *o = be->ops->browser;

    return (be->config && be->config->browser_cdp_url) || (o && (!o->have || o->have(be)));
}

unsigned backend_can(const struct backend *be)
{
    const struct backend_ops *o = be->ops;
    const struct file_ops *f = o->file;
    const bool can[OP_COUNT] = {
        [OP_EXEC] = o->exec && o->exec->run,
        [OP_OUTPUT] = o->exec && o->exec->output,
        [OP_KILL] = o->exec && o->exec->kill,
        [OP_FILE_READ] = f && f->read,
        [OP_FILE_WRITE] = f && f->write,
        [OP_FILE_LIST] = f && f->list,
        [OP_FILE_SEARCH] = f && f->search,
        [OP_FILE_REPLACE] = f && (f->replace || (f->read && f->write)),
        [OP_FILE_EDIT] = f && f->read && f->write && (f->restore || (o->exec && o->exec->run)),
        [OP_FILE_WATCH] = o->file_watch && o->file_watch->watch,
        [OP_CODE] = o->code && o->code->execute,
        [OP_CODE_CONTEXT] = o->code && o->code->context,
        [OP_CODE_PACKAGES] = o->code && (o->code->packages || (o->exec && o->exec->run)),
        [OP_INFO] = o->sandbox->info,
        [OP_BROWSER] = browses(be),
        [OP_WAIT] = o->process && o->process->wait,
        [OP_PROCESSES] = o->process && o->process->list,
        [OP_HISTORY] = o->process && o->process->history,
        [OP_PTY] = o->pty && o->pty->open,
        [OP_FILE_PUT] = (o->transfer && o->transfer->put) || (f && f->write),
        [OP_FILE_MANAGE] = o->manage || (o->exec && o->exec->run),
        [OP_DOCUMENT] = (o->document && o->document->convert) || (o->exec && o->exec->run),
        [OP_FILE_TAKE] = (o->transfer && o->transfer->take) || (f && f->read),
    };
    unsigned set = 0;

    for (int i = 0; i < OP_COUNT; i++)
        set |= can[i] ? 1u << i : 0;
    return set;
}

int backend_describe(struct backend *be, struct buf *out, struct err *err)
{
    return be->ops->describe ? be->ops->describe(be, out, err) : 0;
}

int backend_ready(struct backend *be, struct err *err)
{
    return be->ops->sandbox->ready ? be->ops->sandbox->ready(be, err) : 0;
}

int backend_running(struct backend *be)
{
    return be->ops->sandbox->count ? (int)be->ops->sandbox->count(be) : -1;
}

void backend_release(struct backend *be, const char *principal, const char *name)
{
    if (be->ops->sandbox->release)
        be->ops->sandbox->release(be, principal, name);
}

int sandbox_open_default(struct backend *be, struct call *call, const char *principal,
                         const char *name, struct sandbox **out, struct err *err)
{
    if (call_check(call, err))
        return -1;
    return be->ops->sandbox->open_default(be, call, principal, name, out, err);
}

void sandbox_put(struct sandbox *sb)
{
    if (sb && sb->backend->ops->sandbox->put)
        sb->backend->ops->sandbox->put(sb);
}

static int unsupported(struct sandbox *sb, const char *what, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "the %s backend cannot %s", sb->backend->ops->name, what);
}

/* Backends that hold one sandbox for each caller. */
static int find_default(struct backend *be, struct call *call, const char *principal,
                        const char *name, const char *id, struct sandbox **out, struct err *err)
{
    struct sandbox *sb;

    if (sandbox_open_default(be, call, principal, name, &sb, err))
        return -1;
    if (id && strcmp(sb->id, id) != 0) {
        sandbox_put(sb);
        return err_set(err, ERR_NOT_FOUND, "no sandbox has this id");
    }
    *out = sb;
    return 0;
}

int sandbox_find(struct backend *be, struct call *call, const char *principal, const char *name,
                 const char *id, struct sandbox **out, struct err *err)
{
    if (!be->ops->sandbox->find)
        return find_default(be, call, principal, name, id, out, err);
    if (call_check(call, err))
        return -1;
    return be->ops->sandbox->find(be, principal, name, id, out, err);
}

int sandbox_ids(struct backend *be, const char *principal, struct strings *out, struct err *err)
{
    return be->ops->sandbox->ids ? be->ops->sandbox->ids(be, principal, out, err) : 0;
}

int sandbox_handles(struct sandbox *sb, struct strings *running, struct strings *over,
                    struct err *err)
{
    const struct exec_ops *ops = sb->backend->ops->exec;

    return ops && ops->handles ? ops->handles(sb, running, over, err) : 0;
}

bool backend_watches(const struct backend *be)
{
    return be->ops->watch;
}

int sandbox_watch(struct sandbox *sb, const struct watch_request *req, struct watch **out,
                  struct err *err)
{
    const struct watch_ops *ops = sb->backend->ops->watch;

    return ops ? ops->start(sb, req, out, err) : unsupported(sb, "watch for changes", err);
}

void backend_unwatch(struct backend *be, struct watch *w)
{
    be->ops->watch->stop(w);
}

/* The checks before and the context behind every op that a backend may implement. */
#define WRAP(fn, group, op, request, result, what, derived)                                  \
    int sandbox_##fn(struct sandbox *sb, struct call *call, const struct request *req,       \
                     struct result *res, struct err *err)                                    \
    {                                                                                        \
        const struct group##_ops *ops = sb->backend->ops->group;                             \
        int (*run)(struct sandbox *, struct call *, const struct request *, struct result *, \
                   struct err *) = ops && ops->op ? ops->op : (derived);                     \
                                                                                             \
        if (!run)                                                                            \
            return unsupported(sb, what, err);                                               \
        if (call_check(call, err))                                                           \
            return -1;                                                                       \
        return run(sb, call, req, res, err);                                                 \
    }

WRAP(exec, exec, run, exec_request, exec_result, "run commands", NULL)
WRAP(output, exec, output, output_request, exec_result, "read output later", NULL)
WRAP(kill, exec, kill, kill_request, kill_result, "kill processes", NULL)
WRAP(file_read, file, read, file_read_request, file_read_result, "read files", NULL)
WRAP(file_list, file, list, file_list_request, file_list_result, "list directories", NULL)
WRAP(file_search, file, search, file_search_request, file_search_result, "search files", NULL)
WRAP(file_replace, file, replace, file_replace_request, file_replace_result, "edit files",
     ops && ops->read && ops->write ? derive_replace : NULL)
WRAP(file_stat, manage, stat, file_stat_request, file_stat_result, "look at files",
     sb->backend->ops->exec ? derive_stat : NULL)
WRAP(file_move, manage, move, file_move_request, file_manage_result, "move files",
     sb->backend->ops->exec ? derive_move : NULL)
WRAP(file_copy, manage, copy, file_copy_request, file_manage_result, "copy files",
     sb->backend->ops->exec ? derive_copy : NULL)
WRAP(file_remove, manage, remove, file_remove_request, file_manage_result, "delete files",
     sb->backend->ops->exec ? derive_remove : NULL)
WRAP(file_mkdir, manage, mkdir, file_mkdir_request, file_manage_result, "make folders",
     sb->backend->ops->exec ? derive_mkdir : NULL)
WRAP(file_chmod, manage, chmod, file_chmod_request, file_manage_result, "change modes",
     sb->backend->ops->exec ? derive_chmod : NULL)
WRAP(wait, process, wait, wait_request, wait_result, "wait for processes", NULL)
WRAP(processes, process, list, processes_request, processes_result, "list processes", NULL)
WRAP(pty_open, pty, open, pty_request, pty_result, "open terminals", NULL)
WRAP(pty_act, pty, act, pty_request, pty_result, "type into terminals", NULL)
WRAP(pty_close, pty, close, pty_request, pty_result, "close terminals", NULL)
WRAP(pty_list, pty, list, pty_request, pty_list, "list terminals", NULL)
WRAP(history, process, history, history_request, history_result, "tell what ran before", NULL)
WRAP(file_put, transfer, put, file_put_request, file_put_result, "take files in",
     sb->backend->ops->file && sb->backend->ops->file->write ? derive_put : NULL)
WRAP(file_take, transfer, take, file_take_request, file_take_result, "hand files out",
     sb->backend->ops->file && sb->backend->ops->file->read ? derive_take : NULL)
WRAP(document, document, convert, document_request, document_result, "convert documents",
     sb->backend->ops->exec && sb->backend->ops->exec->run ? derive_document : NULL)
WRAP(context, code, context, context_request, context_result, "manage interpreters", NULL)
WRAP(packages, code, packages, packages_request, packages_result, "install packages",
     sb->backend->ops->exec && sb->backend->ops->exec->run ? derive_packages : NULL)

static const char *language_of(struct sandbox *sb, const char *context)
{
    const struct code_ops *ops = sb->backend->ops->code;

    return context && strcmp(context, "new") && ops && ops->language ? ops->language(sb, context)
                                                                     : NULL;
}

/* bash needs no interpreter of its own where commands can be run. An id that was given for a
 * context opens no session when that is no more. */
static bool is_shell(struct sandbox *sb, const struct code_request *req, const char *spoken)
{
    const struct backend_ops *ops = sb->backend->ops;

    if (strcmp(req->language, "bash") != 0 || !ops->exec || !ops->exec->run)
        return false;
    if (spoken)
        return !strcmp(spoken, "bash");
    return !(ops->code && ops->code->language && req->context_id &&
             id_valid("ctx", req->context_id));
}

int sandbox_code(struct sandbox *sb, struct call *call, const struct code_request *req,
                 struct code_result *res, struct err *err)
{
    const struct backend_ops *ops = sb->backend->ops;
    const char *spoken = language_of(sb, req->context_id);
    struct code_request full = *req;

    if (!full.language)
        full.language = spoken ? spoken : "python";
    if (call_check(call, err))
        return -1;
    if (is_shell(sb, &full, spoken))
        return derive_bash(sb, call, &full, res, err);
    if (!ops->code || !ops->code->execute)
        return unsupported(sb, "run code", err);
    return ops->code->execute(sb, call, &full, res, err);
}

int sandbox_info(struct sandbox *sb, struct call *call, unsigned include, struct sandbox_info *res,
                 struct err *err)
{
    if (!sb->backend->ops->sandbox->info)
        return unsupported(sb, "describe sandboxes", err);
    if (call_check(call, err))
        return -1;
    return sb->backend->ops->sandbox->info(sb, call, include, res, err);
}

/* ---- browser ---- */

static struct keeper *keeper_of(struct sandbox *sb)
{
    struct keeper *k = atomic_load(&sb->keeper), *made;

    if (k)
        return k;
    made = keeper_new();
    if (!made || atomic_compare_exchange_strong(&sb->keeper, &k, made))
        return made;
    keeper_free(made);
    return k;
}

int sandbox_browser(struct sandbox *sb, struct call *call, struct browser **out, struct err *err)
{
    struct keeper *k;

    if (!browses(sb->backend))
        return unsupported(sb, "open pages in a browser", err);
    if (call_check(call, err))
        return -1;
    k = keeper_of(sb);
    return k ? keeper_take(k, sb, call, out, err) : err_oom(err);
}

struct browser *sandbox_browser_running(struct sandbox *sb)
{
    struct keeper *k = atomic_load(&sb->keeper);
    struct browser *browser = NULL;

    return k && !keeper_take(k, NULL, NULL, &browser, NULL) ? browser : NULL;
}

void sandbox_browser_put(struct sandbox *sb, struct browser *browser)
{
    if (browser)
        keeper_put(atomic_load(&sb->keeper), browser);
}

void sandbox_browser_stop(struct sandbox *sb)
{
    struct keeper *k = atomic_load(&sb->keeper);

    if (k)
        keeper_stop(k);
}

void sandbox_browser_version(struct sandbox *sb, char out[64])
{
    struct keeper *k = atomic_load(&sb->keeper);

    *out = '\0';
    if (k)
        keeper_version(k, out);
}

void sandbox_browser_expire(struct sandbox *sb, int64_t now_ms, int64_t idle_ms)
{
    struct keeper *k = atomic_load(&sb->keeper);

    if (k)
        (void)keeper_expire(k, now_ms, idle_ms);
}

int sandbox_browser_denied(struct sandbox *sb, int64_t since_ms, struct strings *out,
                           struct err *err)
{
    const struct browser_ops *ops = sb->backend->ops->browser;

    return ops && ops->denied ? ops->denied(sb, since_ms, out, err) : 0;
}

void sandbox_browser_free(struct sandbox *sb)
{
    keeper_free(atomic_exchange(&sb->keeper, NULL));
}
