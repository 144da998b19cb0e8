#include "cli/doctor.h"
#include "cli/doctor_report.h"
#include "embed.h"

#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

/* The oldest kernel that this is tested on: Debian 12's. */
#define TESTED_MAJOR 6
#define TESTED_MINOR 1

/* ", Debian GNU/Linux 12 (bookworm)" */
static void system_name(char out[160])
{
    FILE *f = fopen("/etc/os-release", "re");
    char line[256], name[128];

    out[0] = '\0';
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "PRETTY_NAME=\"%127[^\"]", name) == 1)
            snprintf(out, 160, ", %s", name);
    if (f)
        fclose(f);
}

static void check_kernel(struct doctor *d)
{
    struct utsname u;
    char name[160];
    int major = 0, minor = 0;
    bool old;

    uname(&u);
    system_name(name);
    sscanf(u.release, "%d.%d", &major, &minor);
    old = major < TESTED_MAJOR || (major == TESTED_MAJOR && minor < TESTED_MINOR);
    doctor_say(d, old ? DOCTOR_WARN : DOCTOR_OK, "%s, %s%s%s", u.release, u.machine, name,
               old ? ": older than any that sandbox-mcp is tested on" : "");
}

/* Beside this program, or in libexec of the folder it is installed below. */
static void find_agent(struct doctor *d)
{
    static const char *const places[] = { "sandbox-agent", "../libexec/sandbox-mcp/sandbox-agent" };
    const char *given = d->options->config.agent;
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (given) {
        snprintf(d->agent, sizeof(d->agent), "%s", given);
        return;
    }
    self[n < 0 ? 0 : n] = '\0';
    slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < COUNT_OF(places); i++) {
        char path[PATH_MAX + 64], real[PATH_MAX];
        snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - self), self, places[i]);
        if (realpath(path, real) && !access(real, X_OK)) {
            memcpy(d->agent, real, sizeof(real));
            return;
        }
    }
}

static void check_agent(struct doctor *d)
{
    AUTO(buf) struct buf out = BUF_MAX(DOCTOR_OUTPUT_MAX);
    const char *argv[] = { d->agent, "launch", "--", "/bin/true", NULL };
    struct err err = { 0 };
    int status;

    find_agent(d);
    if (!d->agent[0]) {
        doctor_say(d, DOCTOR_FAIL, "is neither beside sandbox-mcp nor in its libexec folder");
        doctor_fix("run `sudo make install`, or set SANDBOX_MCP_AGENT to its path");
        return;
    }
    status = doctor_run(argv, &out, &err);
    if (status)
        doctor_say(d, DOCTOR_FAIL, "%s cannot be run: %s", d->agent,
                   status < 0 ? err.msg : buf_str(&out));
    else
        doctor_say(d, DOCTOR_OK, "%s", d->agent);
}

static void check_seccomp(struct doctor *d)
{
    uint32_t action = SECCOMP_RET_ERRNO;

    if (!syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
        doctor_say(d, DOCTOR_OK, "filters are available");
    else
        doctor_say(d, DOCTOR_FAIL, "filters are not available: %s", strerror(errno));
}

static void check_landlock(struct doctor *d)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (abi >= 2) {
        doctor_say(d, DOCTOR_OK, "ABI %ld", abi);
        return;
    }
    doctor_say(d, DOCTOR_WARN, "is %s: one layer less around the commands of a sandbox",
               abi == 1 ? "too old (ABI 1)" : "not there");
    doctor_fix("a kernel from 5.19 on with landlock among the names of the lsm= boot parameter");
}

struct program {
    const char *name;
    const char *argument; /* that makes it print its version */
    const char *use;      /* what is missing without it */
};

/* Only what lies below /usr is visible in a sandbox. */
static void report_program(struct doctor *d, const struct program *p)
{
    static const char *const places[] = { "/usr/bin", "/usr/local/bin" };
    AUTO(buf) struct buf out = BUF_MAX(DOCTOR_OUTPUT_MAX);
    char path[PATH_MAX], elsewhere[PATH_MAX];
    const char *argv[] = { path, p->argument, NULL };
    bool found = false;

    d->name = p->name;
    for (size_t i = 0; i < COUNT_OF(places) && !found; i++) {
        snprintf(path, sizeof(path), "%s/%s", places[i], p->name);
        found = !access(path, X_OK);
    }
    if (found && !doctor_run(argv, &out, NULL)) {
        size_t line = strcspn(buf_str(&out), "\n");
        doctor_say(d, DOCTOR_OK, "%s: %.*s", path, (int)(line < 80 ? line : 80), buf_str(&out));
    } else if (found) {
        doctor_say(d, DOCTOR_WARN, "%s does not run: %s", path, buf_str(&out));
    } else if (doctor_find(p->name, elsewhere)) {
        doctor_say(d, DOCTOR_WARN, "is at %s only, and a sandbox sees programs of /usr: %s",
                   elsewhere, p->use);
    } else {
        doctor_say(d, DOCTOR_WARN, "is not installed: %s", p->use);
    }
}

static void check_interpreters(struct doctor *d)
{
    static const struct program programs[] = {
        { "bash", "--version", "commands run in sh, and there are no shell sessions" },
        { "python3", "--version", "code_execute has no python" },
        { "node", "--version", "code_execute has no javascript" },
        { "ffmpeg", "-version", "file_read cannot scale large pictures down" },
    };

    for (size_t i = 0; i < COUNT_OF(programs); i++)
        report_program(d, &programs[i]);
}

/* What commands in a sandbox may like to find, and can do without. */
static void check_extras(struct doctor *d)
{
    static const char *const names[] = { "git", "curl", "gcc", "R", "chromium", "google-chrome" };
    char found[256] = "", path[PATH_MAX];
    size_t n = 0;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "/usr/bin/%s", names[i]);
        if (!access(path, X_OK))
            n += (size_t)snprintf(found + n, sizeof(found) - n, "%s%s", n ? ", " : "", names[i]);
    }
    doctor_say(d, DOCTOR_OK, "that commands find: %s", n ? found : "none of the usual ones");
}

static void check_host_runtime(struct doctor *d)
{
    doctor_say(d, DOCTOR_WARN, "is host: NO isolation, commands run as you with all your files");
}

enum need { ALWAYS, LOCAL, BWRAP, HOST };

static const struct {
    const char *name;
    void (*run)(struct doctor *d);
    enum need need;
} checks[] = {
    { "kernel", check_kernel, ALWAYS },
    { "surroundings", doctor_surroundings, LOCAL },
    { "runtime", check_host_runtime, HOST },
    { "sandbox-agent", check_agent, LOCAL },
    { "bubblewrap", doctor_bubblewrap, BWRAP },
    { "user namespaces", doctor_namespaces, BWRAP },
    { "seccomp", check_seccomp, LOCAL },
    { "Landlock", check_landlock, LOCAL },
    { "control groups", doctor_control_groups, BWRAP },
    { "interpreters", check_interpreters, LOCAL },
    { "programs", check_extras, LOCAL },
    { "state directory", doctor_state, LOCAL },
    { "sandbox", doctor_probe, ALWAYS },
};

static bool wanted(const struct options *o, enum need need)
{
    bool local = !strcmp(o->backend, "local"), host = !strcmp(o->config.runtime, "host");

    return need == ALWAYS || (local && (need == LOCAL || (need == HOST) == host));
}

int cli_doctor(const struct options *o, struct err *err)
{
    struct doctor d = { .options = o };

    if (o->word_count == 2 && !strcmp(o->words[1], "apparmor")) {
        fputs(embed_bwrap_sandbox_mcp, stdout);
        return 0;
    }
    if (o->word_count > 1)
        return err_set(err, ERR_INVALID, "doctor: unknown argument \"%s\"", o->words[1]);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        if (!wanted(o, checks[i].need))
            continue;
        d.name = checks[i].name;
        checks[i].run(&d);
    }
    if (d.apparmor)
        printf("\nThe AppArmor profile (`sandbox-mcp doctor apparmor` prints only this):\n\n%s",
               embed_bwrap_sandbox_mcp);
    return d.started ? 0 : 1;
}
