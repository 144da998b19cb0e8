#include "backend/backend.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cli/cdp.h"
#include "cli/cli.h"
#include "cli/downloads.h"
#include "cli/ops.h"
#include "cli/options.h"
#include "cli/state_key.h"
#include "mcp/server.h"
#include "mcp/task.h"
#include "tools/confirm.h"
#include "tools/recording.h"
#include "tools/recording_tap.h"
#include "tools/resource_watch.h"
#include "tools/resources.h"
#include "tools/tools.h"
#include "tools/transfer.h"
#include "transport/stdio.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

/* Everything is stopped in the reverse order of its start. */
struct parts {
    struct options options;
    struct backend *backend;
    struct tools_context tools;
    struct ops *ops;
    struct cli_cdp *cdp;
    struct cli_downloads *downloads;
    struct server *server;
    struct buf instructions, live;
    struct sealed_key key;
    struct task_config tasks;
    char *tasks_dir;
    int stop_fd;
};

/* On one line and without control sequences: part of it may come from a sandbox or a service. */
static int usage(const struct err *err)
{
    AUTO(buf) struct buf plain = BUF_MAX(8192);

    if (text_add_plain(&plain, err->msg, strlen(err->msg), NULL, NULL) ||
        (err->next[0] && (buf_adds(&plain, ". Next: ", NULL) ||
                          text_add_plain(&plain, err->next, strlen(err->next), NULL, NULL))))
        return 2;
    fprintf(stderr, "sandbox-mcp: %s\n", buf_str(&plain));
    return 2;
}

static int print_page(bool help)
{
    AUTO(buf) struct buf page = BUF_MAX(16384);
    struct err err = { 0 };

    if (help ? options_help(&page, &err) : buf_adds(&page, "sandbox-mcp " VERSION "\n", &err))
        return usage(&err);
    fputs(page.data, stdout);
    return fflush(stdout) ? 1 : 0;
}

/* TERM, INT and HUP become bytes on a descriptor; nothing else interrupts a thread. */
static int make_stop_fd(int *out, struct err *err)
{
    sigset_t all, stop;

    signal(SIGPIPE, SIG_IGN);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGHUP);
    *out = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
    return *out < 0 ? err_sys(err, errno, "signalfd") : 0;
}

/* What the client is trusted with, and what it is asked for. */
static int start_asking(struct parts *p, struct server_config *config, struct err *err)
{
    bool given;

    if (state_key_read(&p->options, &p->key, &given, err))
        return -1;
    if (given)
        config->key = &p->key;
    if (!p->options.confirm)
        return 0;
    if (confirm_places(&p->options.config, &p->live, err))
        return -1;
    if (p->live.len)
        p->tools.confirm = p->live.data;
    config->before = confirm_call;
    return 0;
}

/* Beside the sandboxes; in memory where a backend keeps nothing here and no place was named. */
static int start_tasks(struct parts *p, struct err *err)
{
    const struct options *o = &p->options;
    AUTO_FREE char *root = NULL;

    p->tasks.recover = tools_recover;
    if (o->state_dir)
        root = strdup(o->state_dir);
    else if (!strcmp(o->backend, "local"))
        root = backend_state_root(err);
    else
        return 0;
    if (!root)
        return o->state_dir ? err_oom(err) : -1;
    if (asprintf(&p->tasks_dir, "%s/v1/task", root) < 0) {
        p->tasks_dir = NULL;
        return err_oom(err);
    }
    p->tasks.dir = p->tasks_dir;
    return 0;
}

/* Beside the sandboxes, whatever the backend; nothing is made there before the first one. */
static int start_recordings(struct parts *p, struct err *err)
{
    const char *given = p->options.state_dir;
    AUTO_FREE char *root = given ? strdup(given) : backend_state_root(NULL);

    return recordings_new(root, &p->tools.recordings, err);
}

static int start_transfers(struct parts *p, struct err *err)
{
    const struct option_list *dirs = &p->options.host_dir;
    const char *given = p->options.state_dir;
    AUTO_FREE char *root = given ? strdup(given) : backend_state_root(NULL);

    return transfers_new(root, dirs->items, dirs->count, &p->tools.transfers, err);
}

/* Calls of this very process, and its end. */
static bool one_shot(const struct options *o)
{
    return o->word_count && (!strcmp(o->words[0], "call") || !strcmp(o->words[0], "replay"));
}

static int start(struct parts *p, struct err *err)
{
    struct server_config config = {
        .name = "sandbox-mcp",
        .title = "Sandbox",
        .version = VERSION,
        .max_calls = p->options.calls,
        .tools_context = &p->tools,
        .view = p->options.view,
        .resources = &tools_resources,
        .prompts = tools_prompts,
        .logging = true,
        .tap = &recordings_tap,
        .open_world =
            strcmp(p->options.config.network, "none") || strcmp(p->options.backend, "local"),
    };

    if (make_stop_fd(&p->stop_fd, err) ||
        backend_open(p->options.backend, &p->options.config, &p->backend, err))
        return -1;
    p->tools = (struct tools_context){
        .backend = p->backend,
        .sandbox_name = p->options.sandbox,
        .max_bytes = 48 * 1024,
        .default_max_bytes = 24 * 1024,
    };
    if (cli_cdp_new(&p->options, p->backend, &p->cdp, err) ||
        cli_downloads_new(&p->options, &p->downloads, err))
        return -1;
    p->tools.cdp = cli_cdp_offer(p->cdp);
    p->tools.handouts = cli_downloads_offer(p->downloads);
    if (start_recordings(p, err) || start_transfers(p, err) ||
        tools_instructions(p->backend, &p->instructions, err) || start_asking(p, &config, err))
        return -1;
    if (!one_shot(&p->options)) {
        if (start_tasks(p, err))
            return -1;
        config.tasks = &p->tasks;
    }
    config.instructions = buf_str(&p->instructions);
    config.notes = tools_notes;
    config.can = backend_can(p->backend);
    if (ops_open(&p->options, p->backend, &p->ops, err))
        return -1;
    ops_hook(p->ops, &config);
    if (backend_watches(p->backend)) {
        if (resource_watches_new(&p->tools, err))
            return -1;
        config.watch = resource_watch;
    }
    if (server_new(&config, &p->server, err))
        return -1;
    if (p->tools.watches)
        resource_watches_tell(&p->tools, p->server);
    return 0;
}

static int serve(struct parts *p, struct err *err)
{
    const struct options *o = &p->options;

    if (o->word_count && !strcmp(o->words[0], "call"))
        return cli_call(o, p->server, err);
    if (o->word_count && !strcmp(o->words[0], "replay"))
        return cli_replay(o, p->server, err);
    if (o->http)
        return cli_http(o, p->server, p->ops, p->cdp, p->downloads, p->stop_fd, err);
    return stdio_serve(p->server, o->sandbox, p->stop_fd, err);
}

static void stop(struct parts *p)
{
    resource_watches_stop(&p->tools);
    server_free(p->server);
    recordings_stop(p->tools.recordings);
    ops_free(p->ops);
    cli_cdp_free(p->cdp);
    cli_downloads_free(p->downloads);
    backend_free(p->backend);
    resource_watches_free(&p->tools);
    recordings_free(p->tools.recordings);
    transfers_free(p->tools.transfers);
    buf_done(&p->instructions);
    buf_done(&p->live);
    free(p->tasks_dir);
    explicit_bzero(&p->key, sizeof(p->key));
    options_done(&p->options);
    fd_close(&p->stop_fd);
}

static bool needs_server(const struct options *o)
{
    return !o->word_count || !strcmp(o->words[0], "serve") || (one_shot(o) && !o->url);
}

static bool serves_stdio(const struct options *o)
{
    return !o->http && !one_shot(o);
}

static int run(int argc, char **argv, struct parts *p, struct err *err)
{
    int level;

    if (options_parse(argc, argv, &p->options, err))
        return 2;
    if (p->options.help || p->options.version)
        return print_page(p->options.help);
    level = log_level_from_name(p->options.log_level ? p->options.log_level : "warn");
    if (level < 0) {
        err_set(err, ERR_INVALID, "--log-level: \"%s\" is unknown", p->options.log_level);
        return 2;
    }
    log_set_level((enum log_level)level);
    if (!needs_server(&p->options))
        return cli_command(&p->options, err);
    if (serves_stdio(&p->options) && stdio_claim(err))
        return -1;
    return start(p, err) ? -1 : serve(p, err);
}

int main(int argc, char **argv)
{
    struct parts parts = {
        .stop_fd = -1,
        .instructions = BUF_MAX(4096),
        .live = BUF_MAX(CONFIRM_PLACES_MAX),
    };
    struct err err = { 0 };
    int status = run(argc, argv, &parts, &err);

    stop(&parts);
    if (err.code)
        usage(&err);
    if (status < 0)
        return err.code == ERR_INVALID ? 2 : 1;
    return status;
}
