#include "cli/doctor_report.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The first and last host user of the sandboxes that root starts, as in local/state.h. */
#define FIRST_UID 200000u
#define LAST_UID 265535u
#define SOME_UID "200000"

static void version(const char *text, int out[3])
{
    const char *digits = strpbrk(text, "0123456789");

    out[0] = out[1] = out[2] = 0;
    if (digits)
        sscanf(digits, "%d.%d.%d", &out[0], &out[1], &out[2]);
}

/* The same places as the local backend's: PATH decides nothing about isolation. */
static bool find_bwrap(char out[PATH_MAX])
{
    static const char *const places[] = { "/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap" };

    for (size_t i = 0; i < COUNT_OF(places); i++) {
        snprintf(out, PATH_MAX, "%s", places[i]);
        if (!access(out, X_OK))
            return true;
    }
    out[0] = '\0';
    return false;
}

static bool before(const int v[3], int major, int minor)
{
    return v[0] < major || (v[0] == major && v[1] < minor);
}

void doctor_bubblewrap(struct doctor *d)
{
    AUTO(buf) struct buf out = BUF_MAX(DOCTOR_OUTPUT_MAX);
    const char *argv[] = { d->bwrap, "--version", NULL };
    struct err err = { 0 };
    struct stat st;
    int v[3];

    if (!find_bwrap(d->bwrap)) {
        doctor_say(d, DOCTOR_FAIL, "is not installed in /usr/bin, /usr/local/bin or /bin");
        doctor_fix("sudo apt install bubblewrap (or: dnf, pacman, apk)");
        return;
    }
    if (doctor_run(argv, &out, &err)) {
        doctor_say(d, DOCTOR_FAIL, "%s cannot be run: %s%s", d->bwrap, buf_str(&out), err.msg);
        return;
    }
    version(buf_str(&out), v);
    doctor_say(d, DOCTOR_OK, "%d.%d.%d (%s)%s", v[0], v[1], v[2], d->bwrap,
               before(v, 0, 12)
                   ? "; before 0.12.0 it follows links in the way to what it binds, so "
                     "sandbox-mcp resolves them first"
                   : "");
    if (before(v, 0, 8))
        doctor_say(d, DOCTOR_WARN, "is older than 0.8.0, the oldest that is tested");
    if (!stat(d->bwrap, &st) && st.st_mode & S_ISUID)
        doctor_say(d, DOCTOR_WARN, "is set-uid root, which it needs nowhere any more%s",
                   before(v, 0, 12) ? " and which is attackable before 0.11.2" : "");
}

static bool mentions(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

static bool sysctl_is(const char *path, long value)
{
    return doctor_number(path, -1) == value;
}

/* What keeps them from working, most certain first; fix is printed behind it. */
static const struct cause {
    const char *file; /* a number; NULL: only the output counts */
    long value;
    const char *output; /* words in what bubblewrap said; NULL: any */
    const char *why, *fix;
    bool apparmor;
} causes[] = {
    { "/proc/sys/user/max_user_namespaces", 0, NULL, "user.max_user_namespaces is 0",
      "sudo sysctl -w user.max_user_namespaces=15000, and in a file of /etc/sysctl.d", false },
    { "/proc/sys/kernel/unprivileged_userns_clone", 0, NULL,
      "kernel.unprivileged_userns_clone is 0",
      "sudo sysctl -w kernel.unprivileged_userns_clone=1, and in a file of /etc/sysctl.d", false },
    { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1, NULL,
      "AppArmor forbids them to programs without a profile "
      "(kernel.apparmor_restrict_unprivileged_userns is 1)",
      "sandbox-mcp doctor apparmor | sudo tee /etc/apparmor.d/bwrap-sandbox-mcp >/dev/null && "
      "sudo apparmor_parser -r /etc/apparmor.d/bwrap-sandbox-mcp",
      true },
    { NULL, 0, "mount proc", "a container hides parts of /proc, so that no other can be mounted",
      "start the container with --security-opt systempaths=unconfined (or unmask=ALL in Podman)",
      false },
    { NULL, 0, "no space left", "user.max_user_namespaces are all in use",
      "sudo sysctl -w user.max_user_namespaces=15000", false },
};

static const char container_fix[] =
    "in Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined; in another sandbox (an editor that confines its "
    "servers): start sandbox-mcp outside of it, e.g. --http, and give the editor the URL";

static void explain(struct doctor *d, const char *said)
{
    for (size_t i = 0; i < COUNT_OF(causes); i++) {
        const struct cause *c = &causes[i];
        if ((c->file && !sysctl_is(c->file, c->value)) || (c->output && !mentions(said, c->output)))
            continue;
        doctor_say(d, DOCTOR_FAIL, "do not work: %s. bubblewrap: %s", c->why, said);
        doctor_fix("%s", c->fix);
        d->apparmor = c->apparmor;
        return;
    }
    doctor_say(d, DOCTOR_FAIL, "do not work, most likely as what this runs in forbids them: %s",
               said);
    doctor_fix("%s", container_fix);
}

/* In a user namespace, root may have too few users to give each sandbox one of its own. */
static bool uids_exist(void)
{
    FILE *f = fopen("/proc/self/uid_map", "re");
    unsigned first, outside, count;
    bool found = !f;

    while (f && !found && fscanf(f, "%u %u %u", &first, &outside, &count) == 3)
        found = first <= FIRST_UID && count > LAST_UID - first;
    if (f)
        fclose(f);
    return found;
}

void doctor_namespaces(struct doctor *d)
{
    AUTO(buf) struct buf out = BUF_MAX(DOCTOR_OUTPUT_MAX);
    const char *argv[] = { d->agent,
                           "launch",
                           "uid=" SOME_UID,
                           "gid=" SOME_UID,
                           "--",
                           d->bwrap,
                           "--unshare-all",
                           "--unshare-user",
                           "--die-with-parent",
                           "--ro-bind",
                           "/",
                           "/",
                           "--proc",
                           "/proc",
                           "--dev",
                           "/dev",
                           "--",
                           "/bin/true",
                           NULL };
    bool as_user = !geteuid() && d->agent[0] && uids_exist();
    struct err err = { 0 };
    int status;

    if (!d->bwrap[0])
        return;
    status = doctor_run(as_user ? argv : argv + 5, &out, &err);
    if (status < 0)
        doctor_say(d, DOCTOR_FAIL, "could not be tried: %s", err.msg);
    else if (status)
        explain(d, out.len ? buf_str(&out) : "it said nothing");
    else
        doctor_say(d, DOCTOR_OK, "work%s", as_user ? " for a user without rights" : "");
    if (!status && !geteuid() && !uids_exist()) {
        doctor_say(d, DOCTOR_WARN,
                   "give this root no users %u to %u: sandboxes cannot have users of their own, "
                   "they share the server's",
                   FIRST_UID, LAST_UID);
        doctor_fix("start the server as another user than root");
    }
}
