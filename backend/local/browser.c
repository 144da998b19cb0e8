#include "backend/browser/cdp.h"
#include "backend/local/local.h"
#include "base/cleanup.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>

extern char **environ;

static const char *const programs[] = {
    "/usr/lib/chromium/chromium-headless-shell",
    "/usr/bin/chromium",
    "/usr/bin/google-chrome",
};

static const char *program(void)
{
    for (size_t i = 0; i < COUNT_OF(programs); i++)
        if (!access(programs[i], X_OK))
            return programs[i];
    return NULL;
}

static bool have(const struct backend *be UNUSED)
{
    return program();
}

static int connect_browser(struct sandbox *base, struct call *call UNUSED, struct browser_link *out,
                           struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    char profile[64];
    const char *argv[] = { program(),
                           "--remote-debugging-pipe",
                           "--headless",
                           "--no-first-run",
                           "--window-size=1280,720",
                           "--hide-scrollbars",
                           "--mute-audio",
                           "--disable-gpu",
                           "--disable-dev-shm-usage",
                           "--site-per-process",
                           "--no-sandbox",
                           "--disable-background-networking",
                           "--no-proxy-server",
                           profile,
                           "about:blank",
                           NULL };
    posix_spawn_file_actions_t fa;
    int in[2], ou[2];
    pid_t pid;

    if (!sb->backend->host_runtime)
        return err_set(err, ERR_UNSUPPORTED, "the browser needs --runtime host");
    snprintf(profile, sizeof(profile), "--user-data-dir=/tmp/profile-%.30s", base->id);
    if (pipe2(in, O_CLOEXEC) || pipe2(ou, O_CLOEXEC))
        return err_set(err, ERR_UNAVAILABLE, "no pipe");
    int cin = fcntl(in[0], F_DUPFD_CLOEXEC, 10), cout = fcntl(ou[1], F_DUPFD_CLOEXEC, 10);
    close(in[0]);
    close(ou[1]);
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, cin, 3);
    posix_spawn_file_actions_adddup2(&fa, cout, 4);
    int r = posix_spawn(&pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    close(cin);
    close(cout);
    if (r)
        return err_set(err, ERR_UNAVAILABLE, "no browser");
    out->ours = out->same_files = out->headless = true;
    return cdp_pipe_new(ou[0], in[1], &out->wire, err);
}

const struct browser_ops local_browser_ops = {
    .connect = connect_browser,
    .have = have,
};
