/*
 * What differs from the local backend, and is said where it shows:
 *
 * - The container is the sandbox: everyone behind this server shares it, --sandbox names only keep
 *   handles apart. Its isolation, network and limits are the service's.
 * - A command is a process of its own (/v1/bash). A shell session (session_id) is emulated: its
 *   directory, variables, functions, aliases and options are saved in the container after every
 *   command and loaded before the next. Jobs of an earlier command go on but are unknown to `jobs`
 *   and `wait`, and `exit` does not end a session.
 * - The service gives output as text: bytes that are no UTF-8 come as U+FFFD. Files are exact.
 * - It ends commands after an hour, and cells after 300 s.
 * - .gitignore is honoured inside git work trees only.
 */
#include "backend/remote/aio.h"
#include "backend/remote/aio_code.h"
#include "backend/remote/aio_exec.h"
#include "backend/remote/aio_info.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define CELLS_MAX 128
#define QUEUED_MAX 1024
#define TIDY_THREADS 16
#define CLOSE_MS 5000 /* for all that is tidied up at the end */

static int open_spools(const struct backend_config *config, int *out, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    const char *dirs[] = { config->state_dir, tmp && *tmp ? tmp : NULL, "/tmp" };

    for (size_t i = 0; i < COUNT_OF(dirs); i++) {
        *out = dirs[i] ? open(dirs[i], O_DIRECTORY | O_RDONLY | O_CLOEXEC) : -1;
        if (*out >= 0)
            return 0;
    }
    return err_sys(err, errno, "open a directory for output");
}

static int aio_open(struct backend *be, const struct backend_config *config, struct err *err)
{
    struct aio *a = (struct aio *)be;
    struct http_options options = {
        .service = "the AIO sandbox",
        .url = config->url,
        .headers = config->headers,
        .header_count = config->header_count,
        .key = getenv("SANDBOX_MCP_BACKEND_KEY"),
        .key_file = config->key_file,
        .key_header = "X-AIO-API-Key",
    };

    a->spool_fd = a->quit.event_fd = -1;
    pthread_mutex_init(&a->lock, NULL);
    list_init(&a->sandboxes);
    a->max = config->max_sandboxes ? config->max_sandboxes : AIO_SANDBOXES_MAX;
    if (http_open(&options, &a->http, err))
        return config->url ? err_wrap(err, "--backend-url") : err_next(err, "pass --backend-url");
    if (!open_spools(config, &a->spool_fd, err) && !call_init(&a->quit, err) &&
        !pool_new(CELLS_MAX, QUEUED_MAX, &a->cells, err) &&
        !pool_new(TIDY_THREADS, QUEUED_MAX, &a->tidy, err))
        return 0;
    pool_free(a->cells);
    call_done(&a->quit);
    fd_close(&a->spool_fd);
    http_free(a->http);
    return -1;
}

static int aio_describe(struct backend *be, struct buf *out, struct err *err)
{
    struct aio *a = (struct aio *)be;

    return buf_addf(out, err,
                    "It is an AIO Sandbox container at %s; its isolation and network are that "
                    "service's, its files persist as long as the container, and everyone who uses "
                    "this server shares it. Commands run for an hour at most. A session_id keeps "
                    "directory, variables and functions, but not the jobs, of earlier commands.",
                    http_origin(a->http));
}

int aio_paths(struct aio *a, struct call *call, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = NULL;
    struct aio_ask ask = { .method = "GET", .path = "/v1/sandbox", .idempotent = true };
    const char *home, *workspace;
    yyjson_val *root, *data;
    bool known;

    pthread_mutex_lock(&a->lock);
    known = a->home;
    pthread_mutex_unlock(&a->lock);
    if (known)
        return 0;
    if (aio_ask(a, call, &ask, &doc, &data, err))
        return -1;
    root = yyjson_doc_get_root(doc);
    home = json_str(root, "home_dir");
    workspace = json_str(root, "workspace");
    if (!home) {
        home = json_str(data, "home_dir"); /* images before 1.9 */
        workspace = json_str(data, "workspace");
    }
    if (!home || *home != '/')
        return err_set(err, ERR_PROTOCOL, "%s is no AIO Sandbox: it names no home directory",
                       http_origin(a->http));
    workspace = workspace && *workspace == '/' ? workspace : home;
    pthread_mutex_lock(&a->lock);
    if (!a->home) {
        a->workspace = strdup(workspace);
        a->home = a->workspace ? strdup(home) : NULL;
    }
    known = a->home;
    pthread_mutex_unlock(&a->lock);
    return known ? 0 : err_oom(err);
}

int aio_path(struct aio *a, const char *path, char **out, struct err *err)
{
    int n;

    if (!path || !*path || !strcmp(path, "."))
        n = asprintf(out, "%s", a->workspace);
    else if (path[0] == '~' && (!path[1] || path[1] == '/'))
        n = asprintf(out, "%s%s", a->home, path + 1);
    else
        n = path[0] == '/' ? asprintf(out, "%s", path) : asprintf(out, "%s/%s", a->workspace, path);
    if (n >= 0)
        return 0;
    *out = NULL;
    return err_oom(err);
}

static bool same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* aio.lock held. */
static struct aio_sandbox *find(struct aio *a, const char *principal, const char *name)
{
    list_each(link, &a->sandboxes)
    {
        struct aio_sandbox *s = list_of(link, struct aio_sandbox, link);
        if (same(s->principal, principal) && same(s->name, name))
            return s;
    }
    return NULL;
}

static void sandbox_free(struct aio_sandbox *s)
{
    if (!s)
        return;
    sandbox_browser_free(&s->base);
    pthread_cond_destroy(&s->freed);
    pthread_mutex_destroy(&s->lock);
    free(s->principal);
    free(s->name);
    free(s);
}

static struct aio_sandbox *sandbox_new(struct aio *a, const char *principal, const char *name)
{
    struct aio_sandbox *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->base.backend = &a->base;
    id_make("sb", s->base.id);
    pthread_mutex_init(&s->lock, NULL);
    aio_cond_init(&s->freed);
    list_init(&s->jobs);
    list_init(&s->shells);
    list_init(&s->contexts);
    s->quota.max = SPOOL_QUOTA;
    s->principal = principal ? strdup(principal) : NULL;
    s->name = name ? strdup(name) : NULL;
    if ((!principal || s->principal) && (!name || s->name))
        return s;
    sandbox_free(s);
    return NULL;
}

static int aio_open_default(struct backend *be, struct call *call UNUSED, const char *principal,
                            const char *name, struct sandbox **out, struct err *err)
{
    struct aio *a = (struct aio *)be;
    struct aio_sandbox *s;
    int r = 0;

    pthread_mutex_lock(&a->lock);
    s = find(a, principal, name);
    if (!s && a->count >= a->max) {
        r = err_set(err, ERR_QUOTA, "%u sandboxes are in use already", a->count);
    } else if (!s) {
        s = sandbox_new(a, principal, name);
        if (s) {
            list_append(&a->sandboxes, &s->link);
            a->count++;
        } else {
            r = err_oom(err);
        }
    }
    pthread_mutex_unlock(&a->lock);
    *out = r ? NULL : &s->base;
    return r;
}

/* The first job that still runs, referenced and out of the table; NULL when none does. */
static struct aio_job *next_running(struct aio_sandbox *s)
{
    struct aio_job *found = NULL;

    pthread_mutex_lock(&s->lock);
    list_each(link, &s->jobs)
    {
        struct aio_job *j = list_of(link, struct aio_job, link);
        if (aio_job_status(j) != EXEC_RUNNING)
            continue;
        atomic_fetch_add(&j->refs, 1);
        found = j;
        break;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

void aio_later(struct aio *a, void (*fn)(void *arg), void *arg)
{
    if (pool_run(a->tidy, fn, arg, NULL))
        fn(arg);
}

/* End what runs and remove what we keep in the container. */
static void tidy(struct aio_sandbox *s)
{
    struct aio_job *j;

    while ((j = next_running(s))) {
        if (j->cell)
            call_end(&j->cell->stop, CALL_SHUTDOWN);
        else
            aio_exec_abort_later(j);
        aio_job_forget(j);
        aio_job_unref(j);
    }
    aio_shells_done(s);
    aio_contexts_done(s);
}

static void aio_release(struct backend *be, const char *principal, const char *name)
{
    struct aio *a = (struct aio *)be;
    struct aio_sandbox *s;

    pthread_mutex_lock(&a->lock);
    s = find(a, principal, name);
    pthread_mutex_unlock(&a->lock);
    if (s)
        tidy(s);
}

static void forget_jobs(struct aio_sandbox *s)
{
    list_each(link, &s->jobs)
    {
        aio_job_forget(list_of(link, struct aio_job, link));
    }
}

/* Until the pool has nothing to do, or the time is over. */
static void await_pool(struct pool *pool, int64_t until_ms)
{
    while (pool_load(pool) && clock_ms() < until_ms)
        (void)poll(NULL, 0, 5);
}

static void aio_close(struct backend *be)
{
    struct aio *a = (struct aio *)be;
    int64_t until = clock_ms() + CLOSE_MS;

    list_each(link, &a->sandboxes)
    {
        tidy(list_of(link, struct aio_sandbox, link));
    }
    pool_free(a->cells);
    list_each(link, &a->sandboxes)
    {
        aio_contexts_done(list_of(link, struct aio_sandbox, link));
    }
    await_pool(a->tidy, until);
    aio_helpers_close(a);
    await_pool(a->tidy, until);
    call_end(&a->quit, CALL_SHUTDOWN);
    pool_free(a->tidy);
    list_each(link, &a->sandboxes)
    {
        struct aio_sandbox *s = list_of(link, struct aio_sandbox, link);
        forget_jobs(s);
        sandbox_free(s);
    }
    http_free(a->http);
    call_done(&a->quit);
    fd_close(&a->spool_fd);
    free(a->home);
    free(a->workspace);
    pthread_mutex_destroy(&a->lock);
}

static const struct sandbox_ops sandbox_ops = {
    .open_default = aio_open_default,
    .info = aio_info,
    .release = aio_release,
};

const struct backend_ops aio_backend = {
    .name = "aio",
    .backend_size = sizeof(struct aio),
    .open = aio_open,
    .close = aio_close,
    .describe = aio_describe,
    .sandbox = &sandbox_ops,
    .exec = &aio_exec_ops,
    .file = &aio_file_ops,
    .code = &aio_code_ops,
    .browser = &aio_browser_ops,
};
