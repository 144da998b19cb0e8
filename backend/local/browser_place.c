#include "backend/local/browser_place.h"
#include "base/cleanup.h"
#include "base/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Small and quick first. Debian, Fedora, SUSE, Arch, older Ubuntu, Google. */
static const char *const programs[] = {
    "/usr/lib/chromium/chromium-headless-shell",
    "/usr/lib64/chromium-browser/headless_shell",
    "/usr/lib/chromium/chromium",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/usr/lib64/chromium/chromium",
    "/usr/lib/chromium-browser/chromium-browser",
    "/opt/google/chrome/chrome",
    "/opt/google/chrome-beta/chrome",
};

static bool is_program(const char *path)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    char magic[4];

    return fd >= 0 && !access(path, X_OK) && io_read(fd, magic, sizeof(magic)) == 4 &&
           !memcmp(magic, "\177ELF", 4);
}

static int take(const char *path, struct browser_place *out, struct err *err)
{
    bool opt = !strncmp(path, "/opt/", 5);

    out->program = strdup(path);
    out->directory = opt ? strndup(path, (size_t)(strrchr(path, '/') - path)) : NULL;
    return out->program && (out->directory || !opt) ? 0 : err_oom(err);
}

static int take_wish(const char *wish, struct browser_place *out, struct err *err)
{
    AUTO_FREE char *path = realpath(wish, NULL);

    if (!path)
        return err_sys(err, errno, "--browser: %s", wish);
    if ((strncmp(path, "/usr/", 5) && strncmp(path, "/opt/", 5)) ||
        (!strncmp(path, "/opt/", 5) && !strchr(path + 5, '/'))) {
        err_set(err, ERR_INVALID, "--browser: %s does not lie below /usr or in a directory of /opt",
                path);
        return err_next(err, "sandboxes see nothing else of this machine; install it there");
    }
    if (!is_program(path)) {
        err_set(err, ERR_INVALID, "--browser: %s is not a program", path);
        return err_next(err, "pass the browser itself, not the script that starts it: e.g. "
                             "/usr/lib/chromium/chromium");
    }
    return take(path, out, err);
}

int browser_place_find(const char *wish, struct browser_place *out, struct err *err)
{
    *out = (struct browser_place){ .off = wish && !strcmp(wish, "none") };
    if (out->off)
        return 0;
    if (wish)
        return take_wish(wish, out, err);
    for (size_t i = 0; i < COUNT_OF(programs); i++)
        if (is_program(programs[i]))
            return take(programs[i], out, err);
    return 0;
}

void browser_place_done(struct browser_place *p)
{
    free(p->program);
    free(p->directory);
    *p = (struct browser_place){ 0 };
}

int browser_place_missing(const struct browser_place *p, struct err *err)
{
    if (p->off) {
        err_set(err, ERR_UNAVAILABLE, "the browser is switched off here (--browser none)");
        return err_next(err, "ask the operator");
    }
    err_set(err, ERR_UNAVAILABLE, "no browser is installed on the server's machine");
    return err_next(err, "ask the operator to install one: `apt-get install "
                         "chromium-headless-shell` (or chromium), `dnf install chromium-headless`");
}
